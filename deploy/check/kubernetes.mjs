// The manifests of deploy/kubernetes: what kubectl makes of them, held against schemas, the registry and the program.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { containers, finds, kind, named, overlays, parse, places, podLabels, render, workloads } from './objects.mjs';
import { complaints } from './schema.mjs';

const nexus = process.env.NEXUS_BIN;
const all = Object.keys(places);
const program = (args, env = {}) =>
  execFileSync(nexus, args, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] }).toString();
const services = new Map(
  program(['services']).trim().split('\n').slice(1).map((line) => line.trim().split(/\s+/)).map(([name, port]) => [name, Number(port)]),
);
const inEach = (check, which = overlays) => () => which.forEach((place) => check(render(place), place));
const ours = (objects) => kind(objects, 'Deployment').filter((object) => services.has(object.metadata.name));

/** The keys of each Secret and ConfigMap that the objects make, or have made. */
function keys(objects, place) {
  const found = new Map();
  const add = (type, name, names) => found.set(`${type} ${name}`, new Set([...(found.get(`${type} ${name}`) ?? []), ...names]));
  for (const object of kind(objects, 'ConfigMap')) add('ConfigMap', object.metadata.name, Object.keys(object.data));
  for (const object of kind(objects, 'ExternalSecret')) add('Secret', object.spec.target.name, object.spec.data.map((entry) => entry.secretKey));
  for (const object of kind(objects, 'Certificate')) add('Secret', object.spec.secretName, ['tls.crt', 'tls.key', 'ca.crt']);
  for (const object of kind(objects, 'Cluster')) {
    // What the operator makes, unless it is given one.
    if (!object.spec.bootstrap?.initdb?.secret) add('Secret', `${object.metadata.name}-app`, ['username', 'password']);
    if (!object.spec.certificates?.serverCASecret) add('Secret', `${object.metadata.name}-ca`, ['ca.crt', 'ca.key']);
    add('Secret', `${object.metadata.name}-replication`, ['tls.crt', 'tls.key']);
  }
  if (place === 'staging') {
    const script = new URL('../kubernetes/make-secrets.sh', import.meta.url).pathname;
    const env = { ...process.env, S3_ACCESS_KEY_ID: 'a', S3_SECRET_ACCESS_KEY: 'b' };
    const [secret] = parse(execFileSync(script, { env }).toString());
    add('Secret', secret.metadata.name, Object.keys(secret.data));
  }
  return found;
}

function checkReferences(objects, place) {
  const known = keys(objects, place);
  const must = (type, name, key, optional, where) => {
    if (optional) return;
    const there = known.get(`${type} ${name}`);
    assert.ok(there, `${place}: ${where} needs ${type} ${name}, which nothing makes`);
    if (key) assert.ok(there.has(key), `${place}: ${where} needs ${key} of ${type} ${name}`);
  };
  for (const workload of workloads(objects)) {
    for (const { env = [], envFrom = [] } of containers(workload)) {
      for (const { valueFrom: { secretKeyRef: secret, configMapKeyRef: map } = {} } of env) {
        if (secret) must('Secret', secret.name, secret.key, secret.optional, named(workload));
        if (map) must('ConfigMap', map.name, map.key, map.optional, named(workload));
      }
      for (const { configMapRef } of envFrom) must('ConfigMap', configMapRef.name, undefined, false, named(workload));
    }
    for (const { secret, configMap } of workload.spec.template.spec.volumes ?? []) {
      if (secret) for (const key of secret.items?.map((item) => item.key) ?? [undefined]) must('Secret', secret.secretName, key, secret.optional, named(workload));
      if (configMap) must('ConfigMap', configMap.name, undefined, false, named(workload));
    }
  }
  for (const cluster of kind(objects, 'Cluster')) {
    for (const { sslKey, sslCert, sslRootCert } of cluster.spec.externalClusters ?? []) {
      for (const reference of [sslKey, sslCert, sslRootCert]) must('Secret', reference.name, reference.key, false, named(cluster));
    }
  }
  for (const issuer of kind(objects, 'Issuer')) {
    if (issuer.spec.ca) must('Secret', issuer.spec.ca.secretName, 'tls.key', false, named(issuer));
  }
}

/** What a service's process sees: its variables, with something in place of what is secret, and its file. */
function settings(objects, workload) {
  const maps = new Map(kind(objects, 'ConfigMap').map((object) => [object.metadata.name, object.data]));
  const [container] = containers(workload);
  const env = Object.assign({}, ...(container.envFrom ?? []).map(({ configMapRef }) => maps.get(configMapRef.name)));
  for (const { name, value, valueFrom } of container.env) {
    const map = valueFrom?.configMapKeyRef;
    const text = value ?? (map ? maps.get(map.name)[map.key] : 'something-secret-of-at-least-32-characters');
    env[name] = text.replace(/\$\((\w+)\)/g, (whole, variable) => env[variable] ?? whole);
  }
  const volume = workload.spec.template.spec.volumes.find((volume) => volume.name === 'config');
  return { env, toml: maps.get(volume.configMap.name)['nexus.toml'] };
}

function checkSettings(objects, place) {
  const folder = mkdtempSync(join(tmpdir(), 'nexus-deploy-'));
  try {
    for (const workload of workloads(objects).filter((object) => containers(object)[0].name === 'nexus')) {
      const { env, toml } = settings(objects, workload);
      writeFileSync(join(folder, 'nexus.toml'), toml);
      const printed = program(['config'], { ...env, NEXUS_CONFIG: join(folder, 'nexus.toml') });
      for (const setting of ['mesh.discovery', 'store.postgres', 'bus.nats', 'cache.redis', 'telemetry.listen']) {
        const line = printed.split('\n').find((text) => text.startsWith(setting));
        assert.ok(line && !line.endsWith('# default'), `${place}: ${named(workload)} leaves ${setting} as it is`);
      }
      assert.ok(!JSON.stringify(env).includes('$('), `${place}: ${named(workload)} has a variable that nothing fills in`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function checkPorts(objects, place) {
  for (const [name, port] of services) {
    const service = kind(objects, 'Service').find((object) => object.metadata.name === name);
    assert.ok(service, `${place}: ${name} has no Service`);
    const [first] = service.spec.ports;
    assert.equal(first.port, port, `${place}: the port of ${name} is that of services.toml`);
    const workload = ours(objects).find((object) => object.metadata.name === name);
    for (const { targetPort, port: number } of service.spec.ports) {
      const declared = containers(workload)[0].ports.find((declared) => declared.name === targetPort);
      assert.equal(declared?.containerPort, number, `${place}: ${name} listens where its Service says`);
    }
  }
}

function checkNetwork(objects, place) {
  const pods = podLabels(objects);
  for (const policy of kind(objects, 'NetworkPolicy')) {
    const peers = [...(policy.spec.ingress ?? []), ...(policy.spec.egress ?? [])].flatMap((rule) => rule.from ?? rule.to ?? []);
    // Pods of other namespaces are not ours to know.
    const selectors = [policy.spec.podSelector, ...peers.filter((peer) => !peer.namespaceSelector).map((peer) => peer.podSelector)];
    for (const selector of selectors.filter(Boolean)) {
      assert.ok(pods.some((labels) => finds(selector, labels)), `${place}: ${named(policy)} names pods that do not exist: ${JSON.stringify(selector)}`);
    }
  }
  const policies = new Map(kind(objects, 'NetworkPolicy').map((policy) => [policy.metadata.name, policy]));
  assert.deepEqual(policies.get('default-deny').spec, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  const label = (name) => ours(objects).find((object) => object.metadata.name === name).spec.template.metadata.labels;
  const lets = (rules, way, name) => rules.some((rule) => rule[way]?.some((peer) => !peer.namespaceSelector && peer.podSelector && finds(peer.podSelector, label(name))));
  for (const from of services.keys()) {
    for (const to of services.keys()) {
      const out = lets(policies.get(from).spec.egress, 'to', to);
      const into = lets(policies.get(to).spec.ingress, 'from', from);
      assert.equal(out, into, `${place}: ${from} may ${out ? '' : 'not '}leave for ${to}, which does ${into ? '' : 'not '}let it in`);
    }
  }
}

function checkClosed(objects, place) {
  for (const workload of workloads(objects)) {
    const pod = workload.spec.template.spec;
    const what = `${place}: ${named(workload)}`;
    assert.equal(pod.automountServiceAccountToken, false, what);
    assert.equal(pod.securityContext.runAsNonRoot, true, what);
    assert.equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault', what);
    assert.ok(kind(objects, 'ServiceAccount').some((account) => account.metadata.name === pod.serviceAccountName), what);
    for (const container of pod.containers) {
      const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = container.securityContext;
      assert.deepEqual([allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities], [false, true, { drop: ['ALL'] }], what);
      assert.ok(container.resources.requests.cpu && container.resources.requests.memory && container.resources.limits.memory, what);
      if (workload.kind !== 'Job') assert.ok(container.livenessProbe && container.readinessProbe, `${what} is looked after`);
    }
  }
  const [namespace] = kind(objects, 'Namespace');
  assert.equal(namespace.metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted');
}

function checkComplete(objects, place) {
  for (const name of services.keys()) {
    for (const type of ['Deployment', 'Service', 'ServiceAccount', 'HorizontalPodAutoscaler', 'PodDisruptionBudget', 'NetworkPolicy']) {
      assert.ok(kind(objects, type).some((object) => object.metadata.name === name), `${place}: ${name} has no ${type}`);
    }
  }
  const pods = podLabels(objects);
  for (const budget of kind(objects, 'PodDisruptionBudget')) {
    assert.ok(pods.some((labels) => finds(budget.spec.selector, labels)), `${place}: ${named(budget)} is for no pod`);
  }
  for (const { metadata, spec } of kind(objects, 'HorizontalPodAutoscaler')) {
    const target = kind(objects, spec.scaleTargetRef.kind).find((object) => object.metadata.name === spec.scaleTargetRef.name);
    assert.ok(target, `${place}: nothing for ${metadata.name} to scale`);
  }
}

function checkCommands(objects, place) {
  for (const workload of workloads(objects)) {
    const [container] = containers(workload);
    if (container.name !== 'nexus') continue;
    const [command, ...rest] = container.args;
    program([command, '--help']);
    if (command === 'run') assert.ok(rest.every((name) => services.has(name)), `${place}: ${named(workload)} runs ${rest}`);
  }
}

const broken = {
  'a field of a Deployment': { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'x' }, spec: { replicaz: 1, selector: {}, template: {} } },
  'a field deep in a pod': {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'x' },
    spec: { selector: {}, template: { spec: { containers: [{ name: 'x', readinessProb: {} }] } } },
  },
  'a field of a Cluster': { apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster', metadata: { name: 'x' }, spec: { instances: 1, storag: {} } },
  'a field of a Certificate': { apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: { name: 'x' }, spec: { secretName: 'x', issuerRef: { name: 'x' }, dnsName: [] } },
  'a field of an ExternalSecret': { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', metadata: { name: 'x' }, spec: { refreshIntervall: '1h' } },
  'a value of a NetworkPolicy': { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicy', metadata: { name: 'x' }, spec: { podSelector: {}, policyTypes: 'Ingress' } },
};

export const cases = {
  ...Object.fromEntries(all.map((place) => [`kubectl renders ${place}, and every object has the fields and values of its schema`, async () => {
    assert.deepEqual(await complaints(render(place)), []);
  }])),
  ...Object.fromEntries(Object.entries(broken).map(([what, object]) => [`${what} that is wrong is found by that`, async () => {
    assert.ok((await complaints([object])).length > 0);
  }])),
  'each service has everything that it should have, and each budget and autoscaler something to look after': inEach(checkComplete),
  'each port is that of services.toml': inEach(checkPorts, all),
  'who may leave for a service is let in by it, and every peer exists': inEach(checkNetwork),
  'every key of a Secret and ConfigMap that is used is made': inEach(checkReferences),
  'the program takes every setting': inEach(checkSettings),
  'every command exists': inEach(checkCommands, all),
  'every pod is as closed as can be': inEach(checkClosed),
};
