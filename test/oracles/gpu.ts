/** The back end that is shipped: lowered to kernels, run on the machine's best adapter. */
import type { Tensor } from '../../compiler/graph/interpret.js';
import { lower } from '../../compiler/plan/lower.js';
import { openDevice } from '../../runtime/device/open.js';
import { Executor } from '../../runtime/execute/executor.js';
import type { TensorData } from '../../runtime/execute/tensor.js';
import type { BackEnd } from './back-end.js';

const arrays = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, bool: Uint32Array };

function toDevice({ shape, dtype, data }: Tensor): TensorData {
  return { dtype, shape: [...shape], data: arrays[dtype].from(data) };
}

export async function gpuBackEnd(): Promise<BackEnd> {
  const gpu = await openDevice();
  return {
    async run(module, variables, inputs) {
      const program = lower(module);
      // What no output depends on is not asked for.
      const asked = program.entries.find((entry) => entry.name === 'run')!.inputs.map((input) => input.name);
      const executor = await Executor.create(gpu, program, { seed: 1n });
      try {
        await executor.submit([{ entry: 'init', counter: 0 }]);
        if (variables.size > 0) executor.write(new Map([...variables].map(([name, value]) => [name, toDevice(value)])));
        const [{ outputs }] = await executor.submit([
          {
            entry: 'run',
            counter: 0,
            tensors: Object.fromEntries([...inputs].filter(([name]) => asked.includes(name)).map(([name, value]) => [name, toDevice(value)])),
          },
        ]);
        return new Map(Object.entries(outputs).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, data: Float64Array.from(data) }]));
      } finally {
        executor.close();
      }
    },
    close: () => gpu.close(),
  };
}
