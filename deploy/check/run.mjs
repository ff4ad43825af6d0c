// Everything about deploy/ that can be checked without running it.
import { run } from '../../tests/interop/lib/cases.mjs';
import { cases as files } from './files.mjs';
import { cases as kubernetes } from './kubernetes.mjs';

await run('deploy', { ...kubernetes, ...files });
