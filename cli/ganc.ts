/** The commands and their options; what each does is in `commands/`, loaded when it is called. */
import { Command, CommanderError, Option } from 'commander';
import { EXIT, report } from './errors.js';
import { collected, factor, filters, port, rowKinds, seconds, seed, setting, stepList, sweep, whole } from './option-values.js';
import { err, forgiveClosedPipes } from './terminal.js';
import { version } from './version.js';

const set = () => new Option('--set <name=value>', "a hyper's value, instead of the spec's (repeatable)").argParser(setting);
const variant = () => new Option('--variant <name>', 'a variant of the spec');
const guard = () =>
  new Option(
    '--guard <way>',
    'what follows where D has won, G has collapsed or losses diverge: warn, stop, rollback (once, to the last good checkpoint, with other draws), or off; NaN and infinities always stop, unless it goes back (default: warn)',
  ).choices(['warn', 'stop', 'rollback', 'off']);
const quiet = () => new Option('-q, --quiet', 'say nothing but errors');

/** A command's examples, below its options. */
function examples(command: Command, ...lines: string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ganc ${line}\n`).join('')}`);
}

export function commands(): Command {
  const program = new Command('ganc')
    .description('Compiles a GAN, written as a short spec, to WebGPU compute shaders, and trains it.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showSuggestionAfterError()
    .showHelpAfterError('(`ganc --help` lists the commands, `ganc COMMAND --help` the options of one)')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, `${err.colors.red('error')}:`)) })
    .exitOverride();
  program.addHelpText(
    'after',
    `
Results go to stdout, everything else to stderr.
Exit codes: 0 good, 1 the spec or data is wrong, 2 usage, 3 the GPU or machine failed, 4 the training diverged or a guard stopped it, 130/143 stopped by a signal.
Environment: NO_COLOR=1 no colours, GANC_DEVICE=gpu|lavapipe|swiftshader forces a device, GANC_TUNE=off uses and keeps no measured choice of kernels,
GANC_DEBUG=1 shows where an error arose.

First steps:
  $ ganc init digits            a first spec, ready to train
  $ ganc train digits/gan.gan   trains it and leaves pictures
`,
  );

  examples(
    program
      .command('init')
      .description('write a first spec, ready to train')
      .argument('[dir]', 'folder to write gan.gan to', '.')
      .action(async (dir: string) => (await import('./commands/init.js')).init(dir)),
    'init',
    'init digits',
  );

  examples(
    program
      .command('check')
      .description('look for mistakes; nothing is run')
      .argument('<spec...>', 'spec files; - reads stdin')
      .addOption(new Option('--format <format>', 'how mistakes are shown (default: pretty on a terminal, else plain)').choices(['pretty', 'plain', 'json']))
      .addOption(set())
      .addOption(variant())
      .addOption(quiet())
      .action(async (specs: string[], options) => (await import('./commands/check.js')).check(specs, options)),
    'check gan.gan',
    'check specs/*.gan --format json',
    'check gan.gan --set width=32',
  );

  examples(
    program
      .command('fmt')
      .description('bring specs to the one layout; comments stay')
      .argument('<spec...>', 'spec files, rewritten in place; - reads stdin and writes stdout')
      .option('--check', 'change nothing; list the files in another layout, and exit 1 if there are any')
      .action(async (specs: string[], options) => (await import('./commands/fmt.js')).fmt(specs, options)),
    'fmt gan.gan',
    'fmt --check specs/*.gan',
  );

  examples(
    program
      .command('inspect')
      .description('every layer with its shapes and parameters; kernels, arithmetic and memory of a step; of a run its statistics')
      .argument('<spec>', 'spec file; - reads stdin; or the folder of a run that was trained with --stats')
      .addOption(set())
      .addOption(variant())
      .option('--json', 'as JSON, with the name and shape of every weight')
      .option('--graph <file>', 'draw instead: the game, and its nets with their layers (.svg, or .dot for Graphviz)')
      .action(async (spec: string, options) => (await import('./commands/inspect.js')).inspect(spec, options)),
    'inspect gan.gan',
    'inspect gan.gan --json',
    'inspect gan.gan --graph gan.svg',
  );

  examples(
    program
      .command('data')
      .description('what the nets see of the data: rows, values, words, classes, and a sheet of rows as a picture')
      .argument('<spec>', 'spec file; - reads stdin; or the folder of a run')
      .addOption(set())
      .addOption(variant())
      .option('--seed <n>', 'seed of made-up data (default: 0)', seed)
      .option('--count <n>', 'rows on the sheet (default: 8 clips, 60 pictures, 4,000 points)', whole('--count', 1))
      .option('--text <words>', 'write only rows whose caption has these words')
      .option('--each', 'write the sound of each row to a file of its own: sounds-1.wav, sounds-2.wav, ...')
      .option('-o, --out <file>', 'write a sheet of rows with what is said of them (.png), or their sounds (.wav)')
      .option('--json', 'as JSON')
      .addOption(quiet())
      .action(async (spec: string, options) => (await import('./commands/data.js')).data(spec, options)),
    'data gan.gan',
    'data clips.gan -o sheet.png',
    'data clips.gan -o sounds.wav --count 4',
    'data clips.gan --text "the digit 7 is moving up and down ." --count 2 --each -o sound.wav',
  );

  examples(
    program
      .command('compile')
      .description('write the compiled program: program.json and kernels/*.wgsl')
      .argument('<spec>', 'spec file; - reads stdin')
      .requiredOption('-o, --out <dir>', 'folder to write to')
      .addOption(set())
      .addOption(variant())
      .addOption(quiet())
      .action(async (spec: string, options) => (await import('./commands/compile.js')).compile(spec, options)),
    'compile gan.gan -o build/gan',
    'train build/gan',
  );

  examples(
    program
      .command('train')
      .description('train a spec, or a folder that `ganc compile` wrote')
      .argument('[spec]', 'spec file or folder of a compiled program; not needed with --resume RUN')
      .addOption(set())
      .addOption(variant())
      .option('--steps <n>', "steps to train, instead of the spec's", whole('--steps', 1))
      .option('--seed <n>', 'seed of all draws and of the order of data (default: 0, or that of the resumed run)', seed)
      .option('--out <dir>', 'folder of the run (default: runs/NAME-1, runs/NAME-2, ...)')
      .option('--resume [run]', 'go on with a run: its folder (default: that of --out, or the latest run of this spec)')
      .option('--checkpoint-every <n>', 'steps between checkpoints and pictures (default: 500)', whole('--checkpoint-every', 1))
      .option('--stats <n>', 'every n steps, statistics of layers, gradients and weights: in RUN/stats.jsonl, shown by `ganc inspect RUN`', whole('--stats', 1))
      .option('--overfit', 'train on one batch, always the same, to see that the model can learn')
      .option(
        '--init <source>',
        'weights to start from, all or some: a safetensors file (named as `ganc inspect --json` lists them) or a run; NET=source for one net (repeatable)',
        collected,
      )
      .option('--from-nothing', 'draw the weights, also where the spec names a file to start from')
      .option('--metrics', 'measure the metrics at each checkpoint')
      .option('--best <metric>', 'as --metrics, and keep the checkpoint in which this is highest; NAME:low where less is better')
      .addOption(guard())
      .option('--feed <file>', 'data, noise and other draws of every update (safetensors, PLAYER.NAME, e.g. D.x, D.z, G.z)')
      .option('--trace <file>', 'write losses, reports, first gradients and weights (safetensors)')
      .option('--trace-steps <list>', 'steps whose weights --trace holds, as in 1,10,50', stepList)
      .addOption(
        new Option(
          '--kernels <which>',
          'tuned: as measured on this device, else by the table; table: by its kind; portable: the plain ones (default: tuned)',
        ).choices(['tuned', 'table', 'portable']),
      )
      .option('--tune <seconds>', 'measure kernels first, at most so long (default: 3 on a GPU met for the first time, 0 on a software GPU)', seconds)
      .option('--json', 'progress and result as JSON lines on stdout')
      .addOption(quiet())
      .action(async (spec: string | undefined, options) => (await import('./commands/train.js')).train(spec, options)),
    'train gan.gan',
    'train gan.gan --set drop=0.5 --steps 2000 --seed 1 --out runs/half',
    'train --resume runs/half --steps 4000',
    'train gan.gan --overfit --steps 500',
  );

  examples(
    program
      .command('sample')
      .description('draw samples from a trained run')
      .argument('<run>', 'folder of a run')
      .option('--text <caption>', 'a caption, in words that the run knows (repeatable: samples of each)', collected)
      .option('--audio <file>', 'a sound, as WAV (repeatable)', collected)
      .option('--class <class>', 'a class, by name or number (repeatable)', collected)
      .option('--in <input>', 'FIELD=VALUE for any field; or a safetensors file with fields by name (repeatable)', collected)
      .option('--count <n>', 'how many in all (default: 64; of tables 8; of clips 16, with --text and its like 8)', whole('--count', 1))
      .option('--seed <n>', "seed of the noise (default: the run's)", seed)
      .option('--truncation <factor>', 'scale normal noises: below 1 samples are more alike and more typical', factor)
      .option('--interpolate <n>', 'n samples on the way from one noise to another, in place of --count', whole('--interpolate', 2))
      .option('--nearest', 'beside each sample the training row that is most like it')
      .option('--checkpoint <which>', 'a file, or best (default: the latest)')
      .option('--name <sample>', 'which `sample` line of the spec (default: the first)')
      .option(
        '-o, --out <file>',
        '.png: pictures, or clips as strips of frames; .gif, .webp, .mp4: clips that play; .wav: their sounds; .safetensors: the numbers (default: in RUN/samples)',
      )
      .addOption(quiet())
      .action(async (run: string, options) => (await import('./commands/sample.js')).sample(run, options)),
    'sample runs/gan',
    'sample runs/gan --count 16 --seed 7 -o digits.png',
    'sample runs/gan --count 10000 -o digits.safetensors',
    'sample runs/clips --text "the digit 7 is moving up and down ." --audio steps.wav -o seven.gif',
    'sample runs/clips --text "the digit 7 is moving up and down ." --interpolate 8 -o between.png',
    'sample runs/clips --in captions.safetensors --count 4',
  );

  examples(
    program
      .command('eval')
      .description("measure a trained run by the spec's `metric` lines, with its judges")
      .argument('<run>', 'folder of a run')
      .option('--spec <file>', 'measure by the metrics of this spec instead, which has the same nets')
      .addOption(set())
      .addOption(variant())
      .option('--examples <n>', 'how many examples to measure', whole('--examples', 1), 1000)
      .option('--rows <kinds>', 'held-out, unseen, training, or several with commas between (default: held-out, and unseen where there are any)', rowKinds)
      .option('--seed <n>', "seed of the noise (default: the run's)", seed)
      .option('--checkpoint <which>', 'a file, or best (default: the latest)')
      .option('--json', 'as JSON')
      .addOption(quiet())
      .action(async (run: string, options) => (await import('./commands/eval.js')).evaluate(run, options)),
    'eval runs/gan',
    'eval runs/gan --examples 10000 --json',
    'eval runs/clips --rows held-out,unseen,training',
    'eval runs/clips --spec measures.gan',
  );

  examples(
    program
      .command('compare')
      .description('train specs, variants and settings under one budget, several seeds each, and rank them by a metric')
      .argument('[spec...]', 'spec files; not needed with --resume')
      .option(
        '--variants <names>',
        'all, none, or names with commas between, beside the specs themselves (default: all of a spec that is alone and neither swept nor searched)',
      )
      .addOption(
        new Option('--sweep <name=values>', 'a hyper with values, with commas between: each is compared (repeatable: all combinations)').argParser(sweep),
      )
      .addOption(new Option('--set <name=value>', "a hyper's value in all of them (repeatable)").argParser(setting))
      .option('--search <way...>', '"random N": N settings beside the specs\' own, drawn from the ranges that they declare (hyper width = 16 in [8, 16, 32])')
      .option('--seeds <n>', 'how many seeds each is trained with', whole('--seeds', 1), 3)
      .option('--seed <n>', 'the first seed (default: 0)', seed)
      .option('--budget <amount>', 'of each run: "500 steps", "5 minutes" of training, or "1e12 flops" (default: the steps of each spec)')
      .option('--metric <name>', "the figure that ranks; NAME:low where less is better (default: the first of the first spec's metrics)")
      .option('--halving', 'stop the poor ones early: the best third goes on at each rung of the budget, 1/9, 1/3, 1 (asynchronous successive halving)')
      .option('--jobs <n>', 'runs at a time, each in a process of its own (default: as many as prove fastest; figures do not depend on it)', whole('--jobs', 1))
      .option('--queue [url]', 'runs are done by `ganc worker` on other machines, by way of Redis: redis://HOST:PORT (default: $GANC_QUEUE)')
      .option('--shared <dir>', 'with --queue: files of runs go through this folder, which the workers see too')
      .option('--upload <mib>', 'with --queue and no --shared: the most that the files of a run may have', whole('--upload', 1), 64)
      .option('--examples <n>', 'how many examples the metrics are measured on at the end (default: 1000)', whole('--examples', 1))
      .option(
        '--checkpoint-every <n>',
        'steps between checkpoints, at which metrics are measured too (default: an eighth of the run)',
        whole('--checkpoint-every', 1),
      )
      .addOption(guard())
      .option('--out <dir>', 'folder of the comparison (default: compare/NAME-1, compare/NAME-2, ...)')
      .option('--resume <dir>', 'go on with a comparison that was stopped; the same command without it does so too')
      .option('--json', 'results as one JSON object on stdout')
      .option('--csv <file>', 'also write a table with a row for each run')
      .addOption(quiet())
      .action(async (specs: string[], options) => (await import('./commands/compare.js')).compared(specs, options)),
    'compare specs/ring.gan --seeds 5',
    'compare a.gan b.gan --budget "500 steps" --metric purity',
    'compare gan.gan --sweep width=16,32 --budget "1e12 flops" --seeds 6 --csv runs.csv',
    'compare --resume compare/gan-1',
  );

  examples(
    program
      .command('worker')
      .description('train what `ganc compare --queue` puts into a queue, until it is stopped; on any number of machines')
      .option('--queue [url]', 'Redis or Valkey: redis://HOST:PORT, with TLS rediss:// (default: $GANC_QUEUE)')
      .option('--jobs <n>', 'trainings at a time', whole('--jobs', 1), 1)
      .option('--shared <dir>', 'the folder that `ganc compare --shared` names, as this machine sees it')
      .option('--data <dir>', 'specs may read data from here (repeatable; default: none, only data that are made)', collected)
      .option('--upload <mib>', 'the most that the files of a run may have that go through the queue', whole('--upload', 1), 64)
      .option('--spec-size <kib>', 'the most that the text of a spec may have', whole('--spec-size', 1), 1024)
      .option('--heap <mib>', 'memory of the process that compiles and trains, on the V8 heap', whole('--heap', 64), 4096)
      .option('--device-memory <mib>', 'the most that a training may allocate on the device (default: what there is)', whole('--device-memory', 1))
      .option('--compile-seconds <n>', 'the most that compiling may take', whole('--compile-seconds', 1), 120)
      .option('--seconds <n>', 'the most that a training may take', whole('--seconds', 1), 86400)
      .option('--lost-after <seconds>', 'a worker that was not heard of for so long counts as dead; the same on all machines', whole('--lost-after', 1), 30)
      .option('--scratch <dir>', "where runs lie while they are trained (default: the system's folder for such)")
      .addOption(quiet())
      .action(async (options) => (await import('./commands/worker.js')).worker(options)),
    'worker --queue redis://127.0.0.1:6379',
    'worker --queue rediss://queue.lab:6380 --shared /mnt/ganc --data /mnt/clips',
  );

  program.command('job', { hidden: true }).action(async () => (await import('./commands/job.js')).job());

  examples(
    program
      .command('runs')
      .description('list runs: what was trained with which settings, how far it came, its last losses and metrics; those begun last come first')
      .argument('[folder]', 'where they are, also deeper in it (default: runs)')
      .option(
        '--filter <what>',
        'only those of which this holds, as in name=ring*, status=finished, near>0.9: a fact, setting, metric or loss (repeatable)',
        filters,
      )
      .option('--sort <name>', 'by this, the highest first; NAME:low: the lowest first')
      .option('--json', 'as JSON, with all that is known of each')
      .action(async (folder: string | undefined, options) => (await import('./commands/runs.js')).runs(folder, options)),
    'runs',
    'runs --filter name=ring --filter near>0.9 --sort near',
    'runs compare-1 --json',
  );

  examples(
    program
      .command('watch')
      .description(
        'a page in the browser that shows a training as it goes, whoever runs it: samples, losses, figures, guards; also a comparison, or all runs of a folder',
      )
      .argument('[folder]', 'a run, a comparison, or a folder that holds several (default: runs)')
      .option('--port <n>', 'where the page is, on this machine alone: http://127.0.0.1:N (default: any port that is free)', port)
      .addOption(quiet())
      .action(async (folder: string | undefined, options) => (await import('./commands/watch.js')).watch(folder, options)),
    'watch runs/gan-1',
    'watch compare/ring-1 --port 8080',
  );

  examples(
    program
      .command('diff')
      .description(
        'two specs, or two runs, beside each other: lines, settings, parameters, costs, memory, losses, metrics; exit code 0 whether they differ or not',
      )
      .argument('<a>', 'spec file, or folder of a run')
      .argument('<b>', 'another')
      .option('--variants <list>', 'variants of the specs, A,B: plain,wide; or ,wide to hold one beside the spec without', (text: string) => text.split(','))
      .option('--json', 'as JSON')
      .action(async (a: string, b: string, options) => (await import('./commands/diff.js')).diff(a, b, options)),
    'diff specs/dcgan.gan specs/lsgan.gan',
    'diff runs/gan-1 runs/gan-2',
    'diff gan.gan gan.gan --variants ,wide',
  );

  examples(
    program
      .command('export')
      .description('write the weights of a run to one file, for a spec to `start` from or for --init')
      .argument('<run>', 'folder of a run')
      .requiredOption('-o, --out <file>', 'where they go (.safetensors)')
      .option('--half', 'in half precision: half the size')
      .option('--optimizer', 'with the states of optimizers, in single precision; without, these begin anew')
      .option('--checkpoint <which>', 'a file, or best (default: the latest)')
      .addOption(quiet())
      .action(async (run: string, options) => (await import('./commands/export.js')).exported(run, options)),
    'export runs/gan -o gan.safetensors',
    'export runs/clips --half -o clips.safetensors --checkpoint best',
  );

  examples(
    program
      .command('run')
      .description('run one net of a spec on tensors from a file')
      .argument('<spec>', 'spec file; - reads stdin')
      .argument('<net>', 'the net')
      .requiredOption('--in <file>', "inputs by the net's parameter names, batch axis first (safetensors)")
      .requiredOption('--out <file>', 'where the outputs go: `result`, or the fields of a record (safetensors)')
      .option('--weights <file>', 'weights and states (safetensors); without, they are drawn as at the start of a training')
      .option('--training', 'as in training: dropout on, batch statistics; --out also holds `state.NAME`')
      .option('--vjp <file>', 'a cotangent for each output; --out also holds `grad.INPUT` and `grad.WEIGHT`')
      .option(
        '--vjp2 <file>',
        'with --vjp: a tensor V for each input; --out also holds `grad2.INPUT` and `grad2.cotangent.OUTPUT`, the gradients of sum <grad, V>',
      )
      .option('--seed <n>', 'seed of draws (default: 0)', seed)
      .addOption(set())
      .addOption(variant())
      .addOption(quiet())
      .action(async (spec: string, net: string, options) => (await import('./commands/run.js')).run(spec, net, options)),
    'run gan.gan G --in z.safetensors --weights runs/gan/checkpoints/latest.safetensors --out x.safetensors',
    'run gan.gan D --in x.safetensors --vjp c.safetensors --out gradients.safetensors',
  );

  examples(
    program
      .command('explain')
      .description('what the code of a message means, with an example and its mend; or a block of the prelude, whole')
      .argument('[topic]', 'a code, or the name of a block (default: list all codes)')
      .option('--json', 'as JSON')
      .action(async (topic: string | undefined, options) => (await import('./commands/explain.js')).explain(topic, options)),
    'explain',
    'explain GAN3003',
    'explain batch_norm',
  );

  examples(
    program
      .command('verify')
      .description('one training step on the GPU against the float64 interpreter, tensor by tensor')
      .argument('<spec>', 'spec file; - reads stdin')
      .addOption(set())
      .addOption(variant())
      .option('--batch <n>', "examples in a batch, instead of the spec's: the interpreter is slow", whole('--batch', 1))
      .option('--steps <n>', 'steps to compare', whole('--steps', 1), 1)
      .option('--seed <n>', 'seed of all draws (default: 0)', seed)
      .option('--json', 'as JSON')
      .addOption(quiet())
      .action(async (spec: string, options) => (await import('./commands/verify.js')).verify(spec, options)),
    'verify gan.gan --batch 8',
  );

  examples(
    program
      .command('profile')
      .description('where the time of a training step goes: by kernel, by line of the spec, by entry, against what the device can do')
      .argument('<spec>', 'spec file; - reads stdin')
      .addOption(set())
      .addOption(variant())
      .option('--steps <n>', 'steps to time, and as many plain ones between them', whole('--steps', 1), 20)
      .option('--seed <n>', 'seed of all draws (default: 0)', seed)
      .option('--json', 'as JSON, with every dispatch')
      .option('--trace-out <file>', 'also write a trace that Perfetto and chrome://tracing open (JSON)')
      .addOption(quiet())
      .action(async (spec: string, options) => (await import('./commands/profile.js')).profile(spec, options)),
    'profile gan.gan',
    'profile gan.gan --set width=32 --steps 5 --trace-out trace.json',
  );

  examples(
    program
      .command('tune')
      .description('measure the variants of every kernel on this device, and keep which is fastest for later runs')
      .argument('<spec>', 'spec file or folder of a compiled program; - reads stdin')
      .addOption(set())
      .addOption(variant())
      .option('--seconds <n>', 'begin no kernel after so long, those with most work come first (default: no limit)', seconds)
      .option('--json', 'as JSON')
      .addOption(quiet())
      .action(async (spec: string, options) => (await import('./commands/tune.js')).tune(spec, options)),
    'tune gan.gan',
    'tune gan.gan --set width=512 --seconds 30',
  );

  examples(
    program
      .command('doctor')
      .description('which device is used, what it can do, how to get a better one')
      .option('--json', 'as JSON')
      .action(async (options) => (await import('./commands/doctor.js')).doctor(options)),
    'doctor',
  );
  return program;
}

/** Runs a command line and sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  forgiveClosedPipes();
  const program = commands();
  if (argv.length <= 2) {
    program.outputHelp({ error: true });
    process.exitCode = EXIT.usage;
    return;
  }
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.good : EXIT.usage;
    else process.exitCode = report(error);
  }
}
