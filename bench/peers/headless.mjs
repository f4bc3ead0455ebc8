/** What browser libraries expect of their surroundings, for Node: `navigator.gpu` on the same Dawn and the same adapter as ganc, and `Worker`. */
import { resolveObjectURL } from 'node:buffer';
import { availableParallelism } from 'node:os';
import { Worker as Thread } from 'node:worker_threads';
import { create, globals } from 'webgpu';
import { withSwiftshader } from '../../dist/runtime/device/swiftshader.js';

/** Never collected: that would crash the process while a device lives. */
let gpu;
/** Of the adapter that was asked for last. */
export let adapterName;

const ADAPTERS = { lavapipe: ['adapter=llvmpipe'], swiftshader: ['adapter=SwiftShader'] };

/** Must be called before the library is imported. `device` as in GANC_DEVICE; without it there is no `navigator.gpu`. */
export async function browser(device) {
  const navigator = { userAgent: 'Node', hardwareConcurrency: availableParallelism() };
  if (device !== undefined) {
    Object.assign(globalThis, globals);
    const start = async () => {
      gpu = create(ADAPTERS[device] ?? []);
      // Vulkan is looked for at the first request.
      return gpu.requestAdapter({ powerPreference: 'high-performance' });
    };
    await (device === 'swiftshader' ? withSwiftshader(start) : start());
    navigator.gpu = {
      async requestAdapter(options) {
        const adapter = await gpu.requestAdapter(options);
        adapterName = adapter?.info.description;
        return adapter;
      },
      getPreferredCanvasFormat: () => 'bgra8unorm',
    };
  }
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  // tfjs takes itself to be in a worker: it asks for no canvas then.
  globalThis.WorkerGlobalScope = class {};
}

/** The web's `Worker` over a thread: source from a blob's address, messages as events. */
export class Worker {
  onmessage;
  onerror;
  #early = [];
  #thread;

  constructor(url) {
    resolveObjectURL(url)
      .text()
      .then((source) => {
        const surroundings =
          "const { parentPort } = require('node:worker_threads'); globalThis.self = globalThis;" +
          "globalThis.postMessage = (m) => parentPort.postMessage(m); parentPort.on('message', (data) => globalThis.onmessage({ data }));\n";
        this.#thread = new Thread(surroundings + source, { eval: true });
        this.#thread.on('message', (data) => this.onmessage?.({ data }));
        this.#thread.on('error', (error) => this.onerror?.(error));
        for (const message of this.#early) this.#thread.postMessage(message);
      });
  }

  postMessage(message) {
    if (this.#thread) this.#thread.postMessage(message);
    else this.#early.push(message);
  }

  terminate() {
    this.#thread?.terminate();
  }
}
