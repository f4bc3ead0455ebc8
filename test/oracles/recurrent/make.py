"""Recurrent layers of PyTorch: outputs and gradients, with padded rows, in float64."""
import json
import pathlib

import torch
torch.manual_seed(0); torch.set_default_dtype(torch.float64)
cases=[]
def flat(t): return {"shape": list(t.shape), "data": [float(f"{v:.8g}") for v in t.detach().reshape(-1).tolist()]}
for kind in ["LSTM","GRU","RNN"]:
  for layers,bi,masked,initial in [(1,False,False,False),(2,True,True,False),(2,True,False,True)]:
    B,T,F,H=3,4,2,3
    m=getattr(torch.nn,kind)(F,H,num_layers=layers,bidirectional=bi,batch_first=True)
    x=torch.randn(B,T,F,requires_grad=True)
    D=2 if bi else 1
    h=[torch.randn(layers*D,B,H) for _ in range(2 if kind=="LSTM" else 1)] if initial else None
    hx=None if h is None else (tuple(h) if kind=="LSTM" else h[0])
    lengths=torch.tensor([4,1,3])
    if masked:
      packed=torch.nn.utils.rnn.pack_padded_sequence(x,lengths,batch_first=True,enforce_sorted=False)
      y,last=m(packed,hx)
      y,_=torch.nn.utils.rnn.pad_packed_sequence(y,batch_first=True,total_length=T)
    else: y,last=m(x,hx)
    hs=list(last) if kind=="LSTM" else [last]
    outs={"sequence":y,"h":hs[0].transpose(0,1)}
    if kind=="LSTM": outs["c"]=hs[1].transpose(0,1)
    cot={k:torch.randn_like(v) for k,v in outs.items()}
    s=sum((outs[k]*cot[k]).sum() for k in outs)
    names=[n for n,_ in m.named_parameters()]
    g=torch.autograd.grad(s,[x]+list(m.parameters()))
    cases.append({"kind":kind.lower(),"layers":layers,"bidirectional":bi,
      "mask": flat((torch.arange(T)[None]<lengths[:,None]).double()) if masked else None,
      "x":flat(x),"initial":None if h is None else [flat(t.transpose(0,1)) for t in h],
      "weights":{n:flat(p) for n,p in m.named_parameters()},
      "outputs":{k:flat(v) for k,v in outs.items()},"cotangents":{k:flat(v) for k,v in cot.items()},
      "grad.x":flat(g[0]),"grads":{n:flat(t) for n,t in zip(names,g[1:])}})
json.dump(cases,open(pathlib.Path(__file__).parent / "cases.json", "w"),separators=(",",":"))
