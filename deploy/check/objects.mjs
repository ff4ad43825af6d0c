// Reads Kubernetes objects as kubectl renders them.
import { execFileSync } from 'node:child_process';
import { parseAllDocuments } from 'yaml';

const kubernetes = new URL('../kubernetes/', import.meta.url).pathname;

/** Everything that is deployed as one, by its name. */
export const places = {
  base: 'base',
  staging: 'overlays/staging',
  eu: 'overlays/production-multi-region/eu',
  us: 'overlays/production-multi-region/us',
};
export const overlays = Object.keys(places).filter((name) => name !== 'base');

export const parse = (text) => parseAllDocuments(text).map((document) => document.toJS()).filter(Boolean);

const rendered = new Map();
/** The objects of one place. */
export function render(place) {
  if (!rendered.has(place)) {
    const text = execFileSync('kubectl', ['kustomize', kubernetes + places[place]], { maxBuffer: 64 << 20 });
    rendered.set(place, parse(text.toString()));
  }
  return rendered.get(place);
}

export const kind = (objects, ...kinds) => objects.filter((object) => kinds.includes(object.kind));
export const named = (object) => `${object.kind} ${object.metadata.name}`;
/** Objects that have pods, and the pods' template. */
export const workloads = (objects) => kind(objects, 'Deployment', 'StatefulSet', 'Job');
export const containers = (workload) => workload.spec.template.spec.containers;

/** What the labels of pods are, also of those that an operator makes. */
export function podLabels(objects) {
  const ours = workloads(objects).map((workload) => workload.spec.template.metadata.labels);
  const operated = kind(objects, 'Cluster').map((cluster) => ({ 'cnpg.io/cluster': cluster.metadata.name }));
  return [...ours, ...operated];
}

/** Whether a selector finds pods of these labels. */
export const finds = (selector, labels) =>
  Object.entries(selector.matchLabels ?? {}).every(([name, value]) => labels[name] === value);
