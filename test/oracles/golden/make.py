#!/usr/bin/env python3
"""Makes and checks golden trajectories: small GANs trained for 50 steps by PyTorch, with all that went in and came out.

    make.py check [CASE...]    trains again from in.* and init.* of the files here, and compares with their f64.*
    make.py write DIR CASE...  makes the files of cases anew

Needs PyTorch 1.13 alone (Debian: python3-torch). See README.md for the format and the cases.
"""
import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent
STEPS, BATCH, WORDS, CAPTION, ALIGN = 50, 8, 12, 5, 16
LR, BETAS, EPS = 1e-3, (0.5, 0.999), 1e-8
DTYPES = {'F32': torch.float32, 'F64': torch.float64, 'I32': torch.int32}


@dataclass(frozen=True)
class Case:
    loss: str
    image_shape: tuple
    z_dim: int
    seed: int
    n_critic: int = 1
    spectral: bool = False
    smooth: bool = False

    @property
    def dims(self):
        """Axes of space and time; 0: vectors."""
        return len(self.image_shape) - 1

    @property
    def captions(self):
        return self.dims == 3


CASES = {
    '1_mlp_bce': Case('bce', (64,), 16, seed=1),
    '2_mlp_wgangp': Case('wgangp', (64,), 16, seed=2, n_critic=2),
    '3_conv_hinge': Case('hinge', (1, 8, 8), 8, seed=3),
    '3b_conv_hinge_sn': Case('hinge', (1, 8, 8), 8, seed=4, spectral=True),
    '4_video_text': Case('hinge_tc', (1, 4, 8, 8), 8, seed=5),
    '5_conv_r1': Case('r1', (1, 8, 8), 8, seed=6),
    '5b_conv_r1_silu': Case('r1', (1, 8, 8), 8, seed=7, smooth=True),
}


class LinearG(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.fc1 = nn.Linear(case.z_dim, 32)
        self.fc2 = nn.Linear(32, 64)

    def forward(self, z, tokens):
        return torch.tanh(self.fc2(F.relu(self.fc1(z))))


class LinearD(nn.Module):
    def __init__(self, case):
        super().__init__()
        self.fc1 = nn.Linear(64, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x, tokens):
        return self.fc2(F.leaky_relu(self.fc1(x), 0.2)).squeeze(1)


class ConvG(nn.Module):
    def __init__(self, case):
        super().__init__()
        conv = nn.ConvTranspose2d if case.dims == 2 else nn.ConvTranspose3d
        norm = nn.BatchNorm2d if case.dims == 2 else nn.BatchNorm3d
        self.start = [2, 2] if case.dims == 2 else [1, 2, 2]
        self.emb = nn.Embedding(WORDS, 6) if case.captions else None
        self.fc = nn.Linear(case.z_dim + (6 if case.captions else 0), 64)
        self.ct1 = conv(16, 8, 4, 2, 1, bias=False)
        self.bn1 = norm(8)
        self.ct2 = conv(8, 1, 4, 2, 1)

    def forward(self, z, tokens):
        h = z if self.emb is None else torch.cat([z, self.emb(tokens).mean(1)], 1)
        h = self.fc(h).view(-1, 16, *self.start)
        return torch.tanh(self.ct2(F.relu(self.bn1(self.ct1(h)))))


class ConvD(nn.Module):
    def __init__(self, case):
        super().__init__()
        conv = nn.Conv2d if case.dims == 2 else nn.Conv3d
        norm = nn.utils.spectral_norm if case.spectral else lambda layer: layer
        self.act = F.silu if case.smooth else lambda x: F.leaky_relu(x, 0.2)
        self.c1 = norm(conv(1, 8, 4, 2, 1))
        self.c2 = norm(conv(8, 16, 4, 2, 1))
        self.fc = norm(nn.Linear(64, 1))
        self.emb = nn.Embedding(WORDS, 64) if case.captions else None

    def forward(self, x, tokens):
        phi = self.act(self.c2(self.act(self.c1(x)))).flatten(1)
        score = self.fc(phi).squeeze(1)
        return score if self.emb is None else score + (self.emb(tokens).mean(1) * phi).sum(1)


def nets(case):
    return (LinearG(case), LinearD(case)) if case.dims == 0 else (ConvG(case), ConvD(case))


def bce(x, target):
    return (x.clamp(min=0) - x * target + torch.log1p(torch.exp(-x.abs()))).mean()


def change(x):
    """Mean square of what changes from one frame to the next."""
    return ((x[:, :, 1:] - x[:, :, :-1]) ** 2).mean()


def losses_of_d(case, d, real, fake, tokens, eps):
    """The parts of D's loss, by column; their sum is the loss."""
    if case.loss == 'r1':
        real = real.clone().requires_grad_()
    on_real = d(real, tokens)
    on_fake = d(fake, tokens)
    if case.loss == 'bce':
        return {'d_real': bce(on_real, 1), 'd_fake': bce(on_fake, 0)}
    if case.loss in ('hinge', 'hinge_tc'):
        return {'d_real': F.relu(1 - on_real).mean(), 'd_fake': F.relu(1 + on_fake).mean()}
    if case.loss == 'wgangp':
        mix = (eps * real + (1 - eps) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(d(mix, tokens).sum(), mix, create_graph=True)
        return {'d_real': -on_real.mean(), 'd_fake': on_fake.mean(), 'd_gp': 10 * ((slope.pow(2).sum(1).sqrt() - 1) ** 2).mean()}
    (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
    return {'d_real': F.softplus(-on_real).mean(), 'd_fake': F.softplus(on_fake).mean(), 'd_r1': 5 * slope.flatten(1).pow(2).sum(1).mean()}


def losses_of_g(case, d, real, fake, tokens):
    on_fake = d(fake, tokens)
    if case.loss == 'bce':
        return {'g_adv': bce(on_fake, 1)}
    if case.loss == 'r1':
        return {'g_adv': F.softplus(-on_fake).mean()}
    if case.loss == 'hinge_tc':
        return {'g_adv': -on_fake.mean(), 'g_tc': (change(fake) - change(real)) ** 2}
    return {'g_adv': -on_fake.mean()}


def state(net):
    return {name: value.detach().clone() for name, value in net.state_dict().items() if not name.endswith('num_batches_tracked')}


def train(case, inputs, init, dtype):
    """50 steps in `dtype` from float32 inputs and weights; results by the names of the format, and the names of the columns of `losses`."""
    g, d = nets(case)
    for net, player in ((g, 'G'), (d, 'D')):
        net.to(dtype)
        given = {name[len(player) + 1:]: value.to(dtype) for name, value in init.items() if name.startswith(player + '.')}
        unknown = net.load_state_dict(given, strict=False)
        assert not unknown.unexpected_keys and all(name.endswith('num_batches_tracked') for name in unknown.missing_keys), unknown
    move_g, move_d = (torch.optim.Adam(net.parameters(), lr=LR, betas=BETAS, eps=EPS) for net in (g, d))
    real, z_d, z_g = (inputs[name].to(dtype) for name in ('real', 'z_d', 'z_g'))
    eps = inputs['gp_eps'].to(dtype) if 'gp_eps' in inputs else [None] * len(real)
    tokens = inputs['tokens'].long() if 'tokens' in inputs else [None] * len(real)
    results, rows = {}, []
    for step in range(STEPS):
        row = {}
        for c in range(case.n_critic):
            i = step * case.n_critic + c
            with torch.no_grad():
                fake = g(z_d[i], tokens[i])
            move_d.zero_grad()
            parts = losses_of_d(case, d, real[i], fake, tokens[i], eps[i])
            loss = sum(parts.values())
            loss.backward()
            if i == 0:
                results.update({f'grad0.D.{name}': p.grad.clone() for name, p in d.named_parameters()})
            move_d.step()
            suffix = f'_c{c}' if case.n_critic > 1 else ''
            row.update({f'{name}{suffix}': value.item() for name, value in {'d_loss': loss, **parts}.items()})
        move_g.zero_grad()
        parts = losses_of_g(case, d, real[step], g(z_g[step], tokens[step]), tokens[step])
        loss = sum(parts.values())
        loss.backward()
        if step == 0:
            results.update({f'grad0.G.{name}': p.grad.clone() for name, p in g.named_parameters()})
        move_g.step()
        row.update({name: value.item() for name, value in {'g_loss': loss, **parts}.items()})
        rows.append(row)
        if step + 1 in (1, 10, 50):
            for net, player in ((g, 'G'), (d, 'D')):
                results.update({f'step{step + 1}.{player}.{name}': value for name, value in state(net).items()})
    g.eval()
    results['sample_eval'] = g(z_g[0], tokens[0]).detach()
    columns = list(rows[0])
    results['losses'] = torch.tensor([[row[name] for name in columns] for row in rows], dtype=torch.float64)
    return results, columns


def bumps(case, count, generator):
    """A bright spot a picture, on black, drifting through the frames of a video; in steps of 1/128 from -1 to 1."""
    def uniform(low, high):
        return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)
    frames = torch.arange(case.image_shape[1] if case.captions else 1.0).view(1, -1, 1, 1)
    axis = torch.arange(8.0)
    y = uniform(2, 5) + frames * uniform(-0.8, 0.8) - axis.view(1, 1, 8, 1)
    x = uniform(2, 5) + frames * uniform(-0.8, 0.8) - axis
    spot = 2 * torch.exp(-(x * x + y * y) / uniform(1, 5)) - 1
    return (spot * 128).round().div(128).view(count, *case.image_shape)


def given(case):
    """Inputs and first weights, from the case's seed."""
    generator = torch.Generator().manual_seed(case.seed)
    n = STEPS * case.n_critic
    inputs = {
        'real': bumps(case, n * BATCH, generator).view(n, BATCH, *case.image_shape),
        'z_d': torch.randn(n, BATCH, case.z_dim, generator=generator),
        'z_g': torch.randn(STEPS, BATCH, case.z_dim, generator=generator),
    }
    if case.loss == 'wgangp':
        inputs['gp_eps'] = torch.rand(n, BATCH, 1, generator=generator)
    if case.captions:
        inputs['tokens'] = torch.randint(0, WORDS, (n, BATCH, CAPTION), generator=generator, dtype=torch.int32)
    torch.manual_seed(case.seed)
    g, d = nets(case)
    return inputs, {f'{player}.{name}': value for net, player in ((g, 'G'), (d, 'D')) for name, value in state(net).items()}


def read(name):
    index = json.loads((HERE / f'{name}.json').read_text())
    blob = (HERE / f'{name}.bin').read_bytes()
    assert hashlib.sha256(blob).hexdigest() == index['blob_sha256'], f'{name}.bin is damaged'
    tensors = {}
    for t in index['tensors']:
        part = bytearray(blob[t['offset']:t['offset'] + t['nbytes']])
        tensors[t['name']] = torch.frombuffer(part, dtype=DTYPES[t['dtype']]).view(t['shape'])
    return index, tensors


def under(tensors, prefix):
    return {name[len(prefix):]: value for name, value in tensors.items() if name.startswith(prefix)}


def distance(a, b, prefix):
    """The greatest difference of two results in what both hold under a prefix."""
    return max((a[name].double() - b[name].double()).abs().max().item() for name in a if name.startswith(prefix) and name in b)


def check(name):
    index, tensors = read(name)
    found, columns = train(CASES[name], under(tensors, 'in.'), under(tensors, 'init.'), torch.float64)
    wanted = under(tensors, 'f64.')
    found['losses'] = found['losses'][:, [columns.index(column) for column in index['loss_columns']]]
    missing = set(wanted) - set(found)
    assert not missing, f'{name}: nothing is found for {sorted(missing)}'
    errors = {prefix: distance(wanted, found, prefix) for prefix in ('losses', 'grad0.', 'step50.', 'sample_eval')}
    print(name, *(f'{prefix} {error:.1e}' for prefix, error in errors.items()), sep='   ')
    return max(errors.values()) < 1e-9


def write(folder, name):
    case = CASES[name]
    inputs, init = given(case)
    double, columns = train(case, inputs, init, torch.float64)
    single, _ = train(case, inputs, init, torch.float32)
    kept = {f'in.{k}': v for k, v in inputs.items()} | {f'init.{k}': v for k, v in init.items()} | {'f32.losses': single['losses']}
    kept |= {f'f64.{k}': v for k, v in double.items() if not k.startswith(('step1.', 'step10.'))}
    entries, blob = [], bytearray()
    names = {dtype: text for text, dtype in DTYPES.items()}
    for key, value in kept.items():
        blob += bytes(-len(blob) % ALIGN)
        data = value.contiguous().numpy().tobytes()
        entries.append({'name': key, 'dtype': names[value.dtype], 'shape': list(value.shape), 'offset': len(blob), 'nbytes': len(data)})
        blob += data
    index = {
        'format': 'ganc-golden/1', 'case': name, 'loss': case.loss, 'steps': STEPS, 'batch': BATCH, 'n_critic': case.n_critic,
        'image_shape': list(case.image_shape), 'z_dim': case.z_dim,
        'optimizer': {'name': 'adam', 'lr': LR, 'betas': BETAS, 'eps': EPS, 'weight_decay': 0},
        'torch': torch.__version__, 'endian': 'little', 'align': ALIGN,
        'blob': f'{name}.bin', 'blob_bytes': len(blob), 'blob_sha256': hashlib.sha256(blob).hexdigest(),
        'f32_error': {'losses': distance(single, double, 'losses'), 'step50': distance(single, double, 'step50.')},
        'loss_columns': columns,
    }
    lines = ',\n'.join(f'  {json.dumps(entry)}' for entry in entries)
    (folder / f'{name}.bin').write_bytes(blob)
    (folder / f'{name}.json').write_text(json.dumps(index, indent=1)[:-2] + f',\n "tensors": [\n{lines}\n ]\n}}\n')
    print(name, f'{len(blob)} bytes', index['f32_error'], 'last losses', double['losses'][-1].tolist())


def main(arguments):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    if arguments[:1] == ['check']:
        chosen = arguments[1:] or [name for name in CASES if (HERE / f'{name}.json').exists()]
        return 0 if all([check(name) for name in chosen]) else 1
    if arguments[:1] == ['write'] and len(arguments) > 2:
        for name in arguments[2:]:
            write(Path(arguments[1]), name)
        return 0
    print(__doc__)
    return 2


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
