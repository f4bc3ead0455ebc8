/** Whether the system has Vulkan at all. Dawn complains on stderr, with places in its own source, where it has none; so that is found out first. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** True where a Vulkan loader and a manifest of a driver are there; always true but on Linux. Loads and lets go of the loader. */
export function systemHasVulkan(): boolean {
  return process.platform !== 'linux' || (hasLoader() && hasDriver(process.env));
}

function hasLoader(): boolean {
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
    return true;
  } catch (error) {
    // Found, and no addon, which is what Node complains of.
    return /self-register/.test((error as Error).message);
  }
}

/** Where the loader looks for manifests: its documentation, "Driver discovery". */
function hasDriver(env: NodeJS.ProcessEnv): boolean {
  const list = (text: string | undefined): string[] => (text ?? '').split(':').filter((path) => path !== '');
  if (/(^|,)\s*(\*|~all~)\s*(,|$)/.test(env.VK_LOADER_DRIVERS_DISABLE ?? '')) return false;
  const only = list(env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES);
  if (only.length > 0) return only.some((path) => existsSync(path));
  if (list(env.VK_ADD_DRIVER_FILES).some((path) => existsSync(path))) return true;
  const home = homedir();
  const roots = [
    env.XDG_CONFIG_HOME || join(home, '.config'),
    ...list(env.XDG_CONFIG_DIRS || '/etc/xdg'),
    '/etc',
    '/usr/local/etc',
    env.XDG_DATA_HOME || join(home, '.local', 'share'),
    ...list(env.XDG_DATA_DIRS || '/usr/local/share:/usr/share'),
    '/usr/local/share',
    '/usr/share',
    '/run/opengl-driver/share',
  ];
  return roots.some((root) => holdsManifest(join(root, 'vulkan', 'icd.d')));
}

function holdsManifest(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.endsWith('.json'));
  } catch {
    return false;
  }
}
