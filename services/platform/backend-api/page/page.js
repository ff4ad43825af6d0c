// Draws the API's document: operations by service, their parameters, bodies and replies, and a way to try what only reads.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
let whole = {};

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function resolve(schema) {
  if (!schema || !schema.$ref) return schema || {};
  return schema.$ref.slice(2).split("/").reduce((part, key) => (part || {})[key], whole) || {};
}

function nameOf(schema) {
  if (!schema) return "anything";
  if (schema.$ref) return schema.$ref.split("/").pop();
  const variants = schema.oneOf || schema.anyOf || schema.allOf;
  if (variants) return variants.map(nameOf).join(schema.allOf ? " and " : " or ");
  const type = Array.isArray(schema.type) ? schema.type.join(" or ") : schema.type || "anything";
  return type === "array" ? `list of ${nameOf(schema.items)}` : schema.format ? `${type} (${schema.format})` : type;
}

function rules(schema) {
  const named = { minimum: "at least", maximum: "at most", minLength: "characters at least", maxLength: "characters at most",
    maxItems: "items at most", pattern: "pattern", default: "default" };
  const found = Object.entries(named).filter(([key]) => schema[key] !== undefined).map(([key, words]) => `${words} ${schema[key]}`);
  if (schema.enum) found.push(`one of ${schema.enum.map((value) => JSON.stringify(value)).join(", ")}`);
  const example = schema.example !== undefined ? schema.example : (schema.examples || [])[0];
  if (example !== undefined) found.push(`as ${JSON.stringify(example)}`);
  return found.join("; ");
}

// A schema as a table of its fields; objects inside it open on demand, so that a type that holds itself ends.
function fields(schema, depth = 0) {
  const plain = resolve(schema);
  const variants = plain.oneOf || plain.anyOf;
  if (variants) {
    const shown = variants.filter((variant) => variant.type !== "null");
    return element("div", {}, ...shown.map((variant) => nested(variant, depth, "or ")));
  }
  if (plain.allOf) return element("div", {}, ...plain.allOf.map((part) => fields(part, depth)));
  if (plain.type === "array") return nested(plain.items, depth, "each: ");
  if (!plain.properties) {
    return element("p", { className: "dim", textContent: [nameOf(plain), plain.description, rules(plain)].filter(Boolean).join(" · ") });
  }
  const required = new Set(plain.required || []);
  const rows = Object.entries(plain.properties).map(([name, property]) => {
    const inner = resolve(property);
    const text = [property.description || inner.description, rules(inner)].filter(Boolean).join(" · ");
    const deeper = inner.properties || inner.items || inner.oneOf || inner.anyOf || inner.allOf;
    return element("tr", {},
      element("td", {}, element("code", { textContent: name }), required.has(name) ? "" : element("span", { className: "dim", textContent: " optional" })),
      element("td", { textContent: nameOf(property) }),
      element("td", {}, text, deeper ? nested(property, depth, "") : null));
  });
  return element("table", {}, element("tbody", {}, ...rows));
}

function nested(schema, depth, prefix) {
  const plain = resolve(schema);
  if (!plain.properties && !plain.items && !plain.oneOf && !plain.anyOf && !plain.allOf) return fields(schema, depth);
  const inside = element("div", { className: "inside" });
  const box = element("details", { open: depth === 0 }, element("summary", { textContent: prefix + nameOf(schema) }), inside);
  const fill = () => inside.childElementCount || inside.append(fields(schema, depth + 1));
  box.addEventListener("toggle", fill);
  if (box.open) fill();
  return box;
}

function content(parts) {
  return Object.entries(parts || {}).flatMap(([type, { schema }]) =>
    [element("p", { className: "dim", textContent: type }), schema ? fields(schema) : null]).filter(Boolean);
}

function parameters(list) {
  const rows = list.map((parameter) => element("tr", {},
    element("td", {}, element("code", { textContent: parameter.name }), element("span", { className: "dim", textContent: ` ${parameter.in}${parameter.required ? "" : ", optional"}` })),
    element("td", { textContent: nameOf(parameter.schema) }),
    element("td", { textContent: [parameter.description, rules({ example: parameter.example, ...resolve(parameter.schema) })].filter(Boolean).join(" · ") })));
  return element("table", {}, element("tbody", {}, ...rows));
}

function replies(responses) {
  return Object.entries(responses || {}).map(([status, reply]) => {
    const inside = element("div", { className: "inside" }, ...content(reply.content));
    const line = element("summary", {}, element("b", { textContent: status }), element("span", { textContent: reply.description || "" }));
    return element("details", {}, line, inside);
  });
}

function trial(path, list) {
  const inputs = list.map((parameter) => [parameter, element("input", { placeholder: parameter.name, ariaLabel: parameter.name })]);
  const output = element("pre", { hidden: true, tabIndex: 0 });
  const send = element("button", { textContent: "Send GET" });
  send.addEventListener("click", async () => {
    let target = path;
    const query = new URLSearchParams();
    for (const [parameter, { value }] of inputs) {
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(value));
      else if (parameter.in === "query" && value) query.set(parameter.name, value);
    }
    if (query.size) target += `?${query}`;
    const token = document.getElementById("token").value.trim();
    output.hidden = false;
    output.textContent = "…";
    try {
      const reply = await fetch(target, { headers: token ? { authorization: `Bearer ${token}` } : {}, credentials: "same-origin" });
      const text = await reply.text();
      const json = (reply.headers.get("content-type") || "").includes("json");
      output.textContent = `${reply.status} ${target}\n\n${json && text ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
    } catch (error) {
      output.textContent = `${target}: ${error}`;
    }
  });
  return element("div", {}, element("h3", { textContent: "Try it" }), ...inputs.map(([, input]) => input), send, output);
}

function operation(path, method, { summary, description, parameters: list = [], requestBody, responses }) {
  const all = list.map(resolve);
  const fill = () => inside.childElementCount || inside.append(...[
    description ? element("p", { textContent: description }) : null,
    all.length ? element("h3", { textContent: "Parameters" }) : null,
    all.length ? parameters(all) : null,
    requestBody ? element("h3", { textContent: "Body" }) : null,
    ...(requestBody ? content(requestBody.content) : []),
    element("h3", { textContent: "Replies" }),
    ...replies(responses),
    method === "get" ? trial(path, all) : null,
  ].filter(Boolean));
  const inside = element("div", { className: "inside" });
  const line = element("summary", {},
    element("span", { className: `method ${method.toUpperCase()}`, textContent: method.toUpperCase() }),
    element("code", { textContent: path }), element("span", { className: "dim", textContent: summary || "" }));
  const box = element("details", { className: "operation" }, line, inside);
  box.dataset.words = `${method} ${path} ${summary || ""} ${description || ""}`.toLowerCase();
  box.addEventListener("toggle", fill);
  return box;
}

function draw() {
  const byService = new Map((whole.tags || []).map((tag) => [tag.name, { about: tag.description, boxes: [] }]));
  for (const [path, item] of Object.entries(whole.paths || {})) {
    for (const method of METHODS.filter((method) => item[method])) {
      const service = (item[method].tags || ["other"])[0];
      if (!byService.has(service)) byService.set(service, { about: "", boxes: [] });
      byService.get(service).boxes.push(operation(path, method, item[method]));
    }
  }
  for (const [service, { about, boxes }] of byService) {
    if (!boxes.length) continue;
    document.getElementById("services").append(element("a", { href: `#${service}`, textContent: service }));
    document.getElementById("operations").append(element("section", { id: service },
      element("h2", { textContent: service }), element("p", { className: "dim", textContent: about || "" }), ...boxes));
  }
  const about = document.getElementById("about");
  about.replaceChildren(`Version ${whole.info.version}. ${whole.info.description || ""} The document itself: `,
    element("a", { href: "/openapi.json", textContent: "/openapi.json" }));
}

function find() {
  const words = document.getElementById("find").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const section of document.querySelectorAll("section")) {
    for (const box of section.querySelectorAll(".operation")) box.hidden = !words.every((word) => box.dataset.words.includes(word));
    section.hidden = !section.querySelector(".operation:not([hidden])");
  }
}

async function start() {
  document.getElementById("find").addEventListener("input", find);
  try {
    whole = await (await fetch("/openapi.json")).json();
    draw();
  } catch (error) {
    document.getElementById("about").textContent = `The document could not be read: ${error}. Load the page again.`;
  }
}

start();
