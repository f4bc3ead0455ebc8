/** How to get a better adapter than the one in use, for this machine. */
import { existsSync } from 'node:fs';
import type { DeviceKind } from './open.js';

/** One sentence each, most useful first; empty where a real GPU is in use. `kind`: the device in use, undefined for none. */
export function advice(kind: DeviceKind | undefined): string[] {
  if (kind === 'gpu') return [];
  if (process.platform === 'darwin') return ['WebGPU runs on Metal here: update macOS to 12 or later; a virtual machine without a GPU has no Metal'];
  if (process.platform === 'win32') return ['WebGPU runs on Direct3D 12 here: update the driver of the graphics card'];
  const lines: string[] = [];
  if (existsSync('/proc/driver/nvidia/version') || existsSync('/dev/nvidia0') || existsSync('/dev/nvidiactl')) {
    lines.push(
      "this machine has an NVIDIA GPU that Vulkan does not reach: install libvulkan1 and the driver's Vulkan part (Debian: nvidia-vulkan-icd; in a container: NVIDIA_DRIVER_CAPABILITIES=all, which mounts nvidia_icd.json)",
    );
  } else if (existsSync('/dev/dri/renderD128')) {
    lines.push('this machine has a GPU (/dev/dri/renderD128): install libvulkan1 and mesa-vulkan-drivers, and join the group `render`');
  }
  if (kind !== 'lavapipe') {
    lines.push(
      'lavapipe is a software GPU, 3 to 9 times faster than SwiftShader: on Debian 12 run scripts/lavapipe.sh as root; elsewhere install mesa-vulkan-drivers of Mesa 24 or later',
    );
  }
  return lines;
}
