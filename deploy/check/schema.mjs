// Holds objects against the schemas of Kubernetes and of the operators, strictly: their TypeScript types refuse a field that
// does not exist, which the validators made from the same schemas do not, and those look at the values.
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import ts from 'typescript';

const folder = new URL('./', import.meta.url).pathname;
const packages = {
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'external-secrets.io': '@kubernetes-models/external-secrets',
  'postgresql.cnpg.io': '@kubernetes-models/cloudnative-pg',
};

function module(object) {
  const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
  const path = [packages[group] ?? 'kubernetes-models', group, version, object.kind].filter(Boolean).join('/');
  if (!existsSync(`${folder}node_modules/${path}.d.ts`)) throw new Error(`no schema knows ${object.apiVersion} ${object.kind}`);
  return path;
}

/** What is wrong with each of these objects, as lines; objects that are the same are looked at once. */
export async function complaints(objects) {
  const distinct = objects.filter((object, place) => objects.findIndex((other) => isDeepStrictEqual(other, object)) === place);
  return [...unknownFields(distinct), ...(await wrongValues(distinct))];
}

async function wrongValues(objects) {
  const found = [];
  for (const object of objects) {
    const { [object.kind]: Model } = await import(module(object));
    try {
      new Model(object).validate();
    } catch (error) {
      found.push(`${object.kind} ${object.metadata?.name}: ${error.message}`);
    }
  }
  return found;
}

function unknownFields(objects) {
  const file = `${folder}objects-${process.pid}.ts`;
  const lines = objects.map((object, place) => {
    const type = `import('${module(object)}').I${object.kind}`;
    return `export const object${place}: ${type} = ${JSON.stringify(object)};`;
  });
  writeFileSync(file, `${lines.join('\n')}\n`);
  try {
    const options = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    };
    const program = ts.createProgram([file], options);
    return ts.getPreEmitDiagnostics(program).map((found) => {
      const { line } = found.file.getLineAndCharacterOfPosition(found.start);
      const object = objects[line];
      return `${object.kind} ${object.metadata?.name}: ${ts.flattenDiagnosticMessageText(found.messageText, ' ')}`;
    });
  } finally {
    rmSync(file);
  }
}
