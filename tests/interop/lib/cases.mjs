// Runs the named cases one after the other and prints the closing line that all suites share.

/** What a case throws when it can not run here; the reason is printed. */
export class Skip extends Error {}

export async function run(suite, cases) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, body] of Object.entries(cases)) {
    try {
      await body();
      count.passed += 1;
      console.log(`ok    ${suite}: ${name}`);
    } catch (error) {
      const outcome = error instanceof Skip ? 'skipped' : 'failed';
      count[outcome] += 1;
      console.log(`${outcome === 'failed' ? 'FAIL ' : 'skip '} ${suite}: ${name}`);
      console.log(String(outcome === 'failed' ? (error.stack ?? error) : error.message).replace(/^/gm, '      '));
    }
  }
  console.log(`${suite}: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  if (count.failed > 0 || count.passed === 0) process.exitCode = 1;
}
