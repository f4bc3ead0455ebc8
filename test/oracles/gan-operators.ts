/** Which operators count as a GAN's, by kind: of those that the folders of cases hold, and their kin. Names are PyTorch's and ONNX's. */
import type { Verdict } from './run.js';

const kinds = {
  'linear algebra': `
    addmm addbmm addmv addr baddbmm bmm mm mv dot vdot inner outer ger matmul einsum tensordot kron cross trace tril triu diag diag_embed diagonal
    cdist cholesky cholesky_inverse cholesky_solve triangular_solve inverse logdet matrix_power linalg.cholesky linalg.cholesky_ex linalg.cross
    linalg.det linalg.inv linalg.inv_ex linalg.matrix_power linalg.multi_dot linalg.slogdet linalg.solve linalg.solve_ex linalg.solve_triangular
    linalg.vecdot nn.functional.linear nn.functional.bilinear MatMul Gemm Einsum Det Trilu
  `,
  convolutions: `
    nn.functional.conv1d nn.functional.conv2d nn.functional.conv3d nn.functional.conv_transpose1d nn.functional.conv_transpose2d
    nn.functional.conv_transpose3d nn.functional.unfold nn.functional.fold Conv ConvTranspose Col2Im
  `,
  norms: `
    linalg.matrix_norm linalg.norm linalg.vector_norm norm dist renorm nn.functional.batch_norm nn.functional.group_norm nn.functional.instance_norm
    nn.functional.layer_norm nn.functional.local_response_norm nn.functional.normalize nn.functional.pairwise_distance native_batch_norm
    native_layer_norm BatchNormalization GroupNormalization InstanceNormalization LRN LayerNormalization LpNormalization MeanVarianceNormalization
    RMSNormalization
  `,
  activations: `
    clamp clamp_max clamp_min log_softmax sigmoid softmax tanh nn.functional.celu nn.functional.dropout nn.functional.elu nn.functional.gelu
    nn.functional.glu nn.functional.hardshrink nn.functional.hardsigmoid nn.functional.hardswish nn.functional.hardtanh nn.functional.leaky_relu
    nn.functional.logsigmoid nn.functional.mish nn.functional.prelu nn.functional.relu nn.functional.relu6 nn.functional.selu nn.functional.silu
    nn.functional.softmin nn.functional.softplus nn.functional.softshrink nn.functional.softsign nn.functional.tanhshrink nn.functional.threshold Celu
    Clip Dropout Elu Gelu HardSigmoid HardSwish Hardmax LeakyRelu LogSoftmax Mish PRelu Relu Selu Shrink Sigmoid Softmax Softplus Softsign SwiGLU
    Swish Tanh ThresholdedRelu
  `,
  pooling: `
    nn.functional.adaptive_avg_pool1d nn.functional.adaptive_avg_pool2d nn.functional.adaptive_avg_pool3d nn.functional.adaptive_max_pool1d
    nn.functional.adaptive_max_pool2d nn.functional.adaptive_max_pool3d nn.functional.avg_pool1d nn.functional.avg_pool2d nn.functional.avg_pool3d
    nn.functional.lp_pool1d nn.functional.lp_pool2d nn.functional.max_pool1d nn.functional.max_pool2d nn.functional.max_pool3d
    nn.functional.max_unpool1d nn.functional.max_unpool2d nn.functional.max_unpool3d AveragePool GlobalAveragePool GlobalLpPool GlobalMaxPool LpPool
    MaxPool MaxUnpool
  `,
  resizing: `
    nn.functional.grid_sample nn.functional.interpolate nn.functional.pixel_shuffle nn.functional.pixel_unshuffle nn.functional.upsample_bilinear
    nn.functional.upsample_nearest AffineGrid DepthToSpace GridSample Resize SpaceToDepth Upsample
  `,
  padding: `
    constant_pad_nd nn.functional.pad CenterCropPad Pad
  `,
  gather: `
    gather index_add index_copy index_fill index_select masked_fill scatter scatter_add take take_along_dim where nn.functional.embedding Gather
    GatherElements GatherND OneHot Scatter ScatterElements ScatterND Where
  `,
  reductions: `
    amax amin cumprod cumsum kthvalue logcumsumexp logsumexp max mean median min msort prod sort std std_mean sum topk var var_mean ArgMax ArgMin
    CumProd CumSum ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare TopK
  `,
  'recurrent cells': `
    GRU LSTM RNN
  `,
  attention: `
    nn.functional._scaled_dot_product_attention nn.functional.scaled_dot_product_attention Attention RotaryEmbedding
  `,
  losses: `
    nn.functional.binary_cross_entropy nn.functional.binary_cross_entropy_with_logits nn.functional.cosine_embedding_loss
    nn.functional.cosine_similarity nn.functional.cross_entropy nn.functional.gaussian_nll_loss nn.functional.hinge_embedding_loss
    nn.functional.huber_loss nn.functional.kl_div nn.functional.l1_loss nn.functional.margin_ranking_loss nn.functional.mse_loss
    nn.functional.multi_margin_loss nn.functional.multilabel_margin_loss nn.functional.multilabel_soft_margin_loss nn.functional.nll_loss
    nn.functional.poisson_nll_loss nn.functional.smooth_l1_loss nn.functional.soft_margin_loss nn.functional.triplet_margin_loss
    NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss
  `,
  optimizers: `
    Adagrad Adam Momentum
  `,
};

export type Kind = keyof typeof kinds;

const byOperator = new Map(
  Object.entries(kinds).flatMap(([kind, names]) =>
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, kind as Kind]),
  ),
);

/** The kind of an operator; undefined where it is none of a GAN's: arithmetic, logic, and other views of the same numbers. */
export function kindOf(operator: string): Kind | undefined {
  return byOperator.get(operator);
}

/** What share of the cases of a GAN's operators pass, by kind and in all. */
export function shares(
  verdicts: readonly Verdict[],
): { readonly kind: Kind | 'all'; readonly passed: number; readonly failed: number; readonly skipped: number }[] {
  const own = verdicts.filter((v) => kindOf(v.op) !== undefined);
  const count = (kind: Kind | 'all', list: readonly Verdict[]) => {
    const of = (outcome: Verdict['outcome']): number => list.filter((v) => v.outcome === outcome).length;
    return { kind, passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
  };
  const present = [...new Set(own.map((v) => kindOf(v.op) as Kind))];
  const names = Object.keys(kinds) as Kind[];
  return [
    ...names
      .filter((kind) => present.includes(kind))
      .map((kind) =>
        count(
          kind,
          own.filter((v) => kindOf(v.op) === kind),
        ),
      ),
    count('all', own),
  ];
}
