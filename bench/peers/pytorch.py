"""PyTorch on the CPU, driven like the other peers: see serve.mjs. Reads and writes safetensors itself: Debian's PyTorch comes without."""
import json
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

DTYPES = {'F32': torch.float32, 'I32': torch.int32}


def read(path):
    with open(path, 'rb') as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), 'little')))
        blob = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name != '__metadata__':
            start, end = entry['data_offsets']
            tensors[name] = torch.frombuffer(blob[start:end], dtype=DTYPES[entry['dtype']]).view(entry['shape'])
    return tensors


def write(path, tensors):
    header, parts, at = {}, [], 0
    for name, value in tensors.items():
        data = value.detach().float().contiguous().numpy().tobytes()
        header[name] = {'dtype': 'F32', 'shape': list(value.shape), 'data_offsets': [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(len(text).to_bytes(8, 'little') + text + b''.join(parts))


def under(tensors, prefix):
    return {name[len(prefix):]: value for name, value in tensors.items() if name.startswith(prefix)}


class LinearG(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3, self.fc4 = nn.Linear(100, 256), nn.Linear(256, 512), nn.Linear(512, 1024), nn.Linear(1024, 784)

    def forward(self, z):
        return torch.tanh(self.fc4(F.relu(self.fc3(F.relu(self.fc2(F.relu(self.fc1(z))))))))


class LinearD(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(784, 1024), nn.Linear(1024, 1)

    def forward(self, x):
        return self.fc2(F.leaky_relu(self.fc1(x.flatten(1)), 0.2))


class Words(nn.Module):
    """The mean of an LSTM's outputs over the words of a caption; 0 is padding."""

    def __init__(self):
        super().__init__()
        self.emb, self.lstm = nn.Embedding(32, 32), nn.LSTM(32, 64, batch_first=True)

    def forward(self, t):
        there = (t != 0).unsqueeze(2)
        return (self.lstm(self.emb(t))[0] * there).sum(1) / there.sum(1)


class VideoG(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.fc = Words(), nn.Linear(164, 4096)
        self.bn0, self.bn1, self.bn2 = nn.BatchNorm3d(128), nn.BatchNorm3d(64), nn.BatchNorm3d(32)
        self.ct1, self.ct2 = nn.ConvTranspose3d(128, 64, 4, 2, 1, bias=False), nn.ConvTranspose3d(64, 32, 4, 2, 1, bias=False)
        self.ct3 = nn.ConvTranspose3d(32, 1, 4, 2, 1)

    def forward(self, z, t):
        h = F.relu(self.bn0(self.fc(torch.cat([z, self.words(t)], 1)).view(-1, 128, 2, 4, 4)))
        return torch.tanh(self.ct3(F.relu(self.bn2(self.ct2(F.relu(self.bn1(self.ct1(h))))))))


class VideoD(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = Words()
        self.c1 = nn.Conv3d(1, 32, 4, 2, 1)
        self.c2, self.bn2 = nn.Conv3d(32, 64, 4, 2, 1, bias=False), nn.BatchNorm3d(64)
        self.c3, self.bn3 = nn.Conv3d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm3d(128)
        self.c4, self.fc = nn.Conv3d(192, 128, 1), nn.Linear(4096, 1)

    def forward(self, x, t):
        h = F.leaky_relu(self.c1(x), 0.2)
        h = F.leaky_relu(self.bn2(self.c2(h)), 0.2)
        h = F.leaky_relu(self.bn3(self.c3(h)), 0.2)
        text = self.words(t).view(-1, 64, 1, 1, 1).expand(-1, -1, *h.shape[2:])
        return self.fc(F.leaky_relu(self.c4(torch.cat([h, text], 1)), 0.2).flatten(1))


class Training:
    """One step a call: an update of D on real and fake, then one of G."""

    nets = {'W1': (LinearG, LinearD), 'W5': (LinearG, LinearD), 'W4': (VideoG, VideoD)}

    def __init__(self, name, weights, inputs, options):
        self.name, self.inputs, self.step = name, inputs, 0
        self.g, self.d = (net() for net in self.nets[name])
        self.given = weights
        for key, value in weights.items():
            self.parameter(key).data.copy_(value)
        betas = (options['beta1'], options['beta2'])
        self.move_g, self.move_d = (torch.optim.Adam(net.parameters(), lr=options['lr'], betas=betas, eps=1e-8) for net in (self.g, self.d))

    def parameter(self, key):
        net, rest = key.split('.', 1)
        if net in ('Words', 'Reader'):
            net, rest = ('G' if net == 'Words' else 'D'), f'words.{rest}'
        return (self.g if net == 'G' else self.d).get_parameter(rest)

    def given_to(self, player, step):
        names = [f'{player}.x', f'{player}.z', f'{player}.t', f'{player}.e']
        tensors = (self.inputs.get(name) for name in names)
        x, z, t, e = (None if tensor is None else tensor[step % len(tensor)] for tensor in tensors)
        return x, z, () if t is None else (t.long(),), e

    def loss_d(self, x, fake, t, e):
        d = self.d
        if self.name == 'W1':
            return F.softplus(-d(x)).mean() + F.softplus(d(fake)).mean()
        if self.name == 'W4':
            return F.relu(1 - d(x, *t)).mean() + F.relu(1 + d(fake, *t)).mean()
        x, e = x.flatten(1), e.view(-1, 1)
        mix = (e * x + (1 - e) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(d(mix).sum(), mix, create_graph=True)
        return d(fake).mean() - d(x).mean() + 10 * ((slope.norm(dim=1) - 1) ** 2).mean()

    def loss_g(self, fake, t):
        return F.softplus(-self.d(fake)).mean() if self.name == 'W1' else -self.d(fake, *t).mean()

    def once(self):
        x, z, t, e = self.given_to('D', self.step)
        with torch.no_grad():
            fake = self.g(z, *t)
        self.move_d.zero_grad(set_to_none=True)
        loss_d = self.loss_d(x, fake, t, e)
        loss_d.backward()
        self.move_d.step()
        _, z, t, _ = self.given_to('G', self.step)
        self.move_g.zero_grad(set_to_none=True)
        self.d.requires_grad_(False)
        loss_g = self.loss_g(self.g(z, *t), t)
        loss_g.backward()
        self.d.requires_grad_(True)
        self.move_g.step()
        self.step += 1
        return [loss_d.item(), loss_g.item()]

    def check(self):
        losses = torch.tensor([self.once() for _ in range(3)])
        return {'losses': losses, **{key: self.parameter(key) for key in self.given}}


class Evaluation:
    def __init__(self, name, weights, inputs):
        self.name = name
        self.weights = {key: value.clone().requires_grad_(name == 'W2') for key, value in weights.items()}
        if name == 'W2':
            self.x, self.cotangent = inputs['x'].clone().requires_grad_(), inputs['cotangent.result']

    def once(self):
        w = self.weights
        if self.name == 'W3':
            return {'result': (w['a'] @ w['b']).unsqueeze(0)}
        h = self.x
        for layer in ('c1', 'c2', 'c3'):
            h = F.leaky_relu(F.conv3d(h, w[f'{layer}.weight'], w[f'{layer}.bias'], stride=2, padding=1), 0.2)
        result = F.linear(h.flatten(1), w['fc.weight'], w['fc.bias'])
        grads = torch.autograd.grad(result, [self.x, *w.values()], self.cotangent)
        return {'result': result, **{f'grad.{key}': grad for key, grad in zip(['x', *w], grads)}}

    def check(self):
        return self.once()


def prepare(message):
    torch.set_num_threads(message['threads'])
    tensors = read(message['data'])
    weights, inputs = under(tensors, 'weight.'), under(tensors, 'input.')
    name = message['workload']
    return Training(name, weights, inputs, message['adam']) if 'adam' in message else Evaluation(name, weights, inputs)


def main():
    made = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            reply = {'ok': True}
            if message['action'] == 'prepare':
                made = prepare(message)
                reply['version'] = torch.__version__
            elif message['action'] == 'check':
                write(message['out'], made.check())
            else:
                if 'threads' in message:
                    torch.set_num_threads(message['threads'])
                start = time.perf_counter()
                for _ in range(message['count']):
                    made.once()
                reply['milliseconds'] = 1000 * (time.perf_counter() - start)
        except Exception as error:  # what goes wrong is told, not thrown
            reply = {'ok': False, 'reason': f'{type(error).__name__}: {error}'.splitlines()[0]}
        print(json.dumps(reply, separators=(',', ':')), flush=True)


if __name__ == '__main__':
    main()
    os._exit(0)
