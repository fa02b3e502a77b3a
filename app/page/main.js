// The frame: the list of models, and of one model its input, its answers and what stands below them.

import { h, put, button } from './dom.js';
import { apiKey, askForKey, blob, goTo, json, modelPath, place, Problem, request, say } from './core.js';
import { card, headline } from './card.js';
import { code } from './code.js';

const [list, work, key] = ['models', 'work', 'key'].map((id) => document.getElementById(id));
const VERBS = { classify: 'Classify', complete: 'Continue', reconstruct: 'Reconstruct' };
const ORDER = ['image', 'audio', 'text', 'tree'];
let models = [];
let leaving = new AbortController();

/** Return the view of a modality or of a task: the file of its name; `otherwise` where there is none. */
const viewOf = (name, otherwise) => (/^[a-z-]+$/.test(name) ? import(`./${name}.js`).catch(() => import(otherwise)) : import(otherwise));

const isReady = ({ state }) => state === 'ready';

async function start() {
  key.hidden = !apiKey();
  try {
    ({ models } = await json('v1/models'));
    drawList();
    await open();
  } catch (error) {
    put(work, problem(error), button('Try again', start, 'main'));
  }
}

function drawList() {
  const kinds = [...new Set([...ORDER, ...models.map((model) => model.modality || 'not ready')])];
  put(list, kinds.map((kind) => {
    const members = models.filter((model) => (model.modality || 'not ready') === kind);
    return members.length > 0 && h('section', h('h2', kind), h('ul', members.map(entry)));
  }));
}

function entry({ name, task, description, versions }) {
  const ready = versions.some(isReady);
  return h('li', h('a', { href: `#/${name}`, id: `model-${name}`, title: description || '' }, h('b', name),
    h(ready ? 'span.state' : 'span.state.off', ready ? VERBS[task] || task : versions.at(-1).state)));
}

list.addEventListener('keydown', (event) => {
  const links = [...list.querySelectorAll('a')];
  const to = links[links.indexOf(document.activeElement) + { ArrowDown: 1, ArrowUp: -1 }[event.key]];
  if (to) { event.preventDefault(); to.focus(); }
});

/** Show the model that the address names, or the first one. */
async function open() {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const asked = place();
  const name = asked.model || list.querySelector('a b')?.textContent;
  if (!name) return put(work, h('h1', 'No model is published here yet'));
  for (const link of list.querySelectorAll('a')) link.ariaCurrent = link.id === `model-${name}` ? 'page' : null;
  list.scrollLeft = (document.getElementById(`model-${name}`)?.offsetLeft || 0) - 60;
  document.title = `${name} · Thalamus`;
  try {
    await show(await json(modelPath(name), { signal }), asked, signal);
  } catch (error) {
    if (!signal.aborted) put(work, h('h1', name), problem(error));
  }
  return null;
}

/** Say why a model cannot answer, and look again while it loads. */
function waiting({ name, versions }, signal) {
  const { state, reason } = versions.at(-1);
  put(work, h('h1', name), h('p.abstains', { role: 'status' }, `This model is ${state}. ${reason || ''}`));
  const timer = setTimeout(start, state === 'loading' ? 1000 : 10000);
  signal.addEventListener('abort', () => clearTimeout(timer));
}

async function show(model, asked, signal) {
  const ready = model.versions.filter(isReady);
  if (!ready.length) return waiting(model, signal);
  const version = ready.find((each) => each.version === +asked.version)?.version;
  const { facts } = ready.find((each) => each.version === (version || model.serving.version)) || ready.at(-1);
  const path = modelPath(model.name, version);
  const [modality, task, text, { samples }] = await Promise.all([
    viewOf(model.modality, './file.js'), viewOf(model.task, './table.js'),
    request(`${path}/card`, { signal }).then((found) => found.text(), () => ''),
    json(`${path}/samples`, { signal }).catch(() => ({ samples: [] })),
  ]);
  if (signal.aborted) return null;
  const bench = newBench({ model, facts, modality, task, signal, versions: [version, +asked.with].filter((each, i) => !i || each) });
  const take = async (sample) => {
    goTo(model.name, { ...asked, model: '', sample: sample.file }, true);
    const body = await blob(samplePath(path, sample), { signal });
    await bench.load({ body, name: sample.file, type: sample.media_type });
  };
  put(work, h('h1', model.name), h('p.about', facts.description), headline(text) && h('p.headline', headline(text)),
    versionChoice(model, ready, asked),
    h('div.bench', h('section.input', { ariaLabel: 'Input' }, h('h2', 'Input'), strip(samples, path, take, signal), bench.input),
      h('section.output', { ariaLabel: 'Answer' }, h('h2', 'Answer'), bench.output)),
    bench.below, text && fold('Model card', card(text, `${path}/card`)));
  const first = samples.find((each) => each.file === asked.sample);
  return first ? take(first) : bench.start();
}

const samplePath = (path, { file }) => `${path}/samples/${encodeURIComponent(file)}`;

const fold = (title, ...inside) => h('details.fold', h('summary', title), inside);

/** Return the input of a model, and an answer of its task for each version. */
function newBench({ model, facts, modality, task, signal, versions }) {
  const below = h('div');
  const empty = h('p.note', task.auto ? 'The answer appears here as soon as there is an input.' : 'Write how a text starts, then let the model continue it.');
  let asking = new AbortController();
  const context = { facts, task: model.task, run };
  const panels = versions.map((version) => task.create({ ...context, path: modelPath(model.name, version) }));
  const columns = panels.map((panel, i) => h('div.panel', versions.length > 1 && h('h3', versions[i] ? `Version ${versions[i]}` : `Version ${model.serving.version}, which serves`), panel.node));
  const view = modality.create({ ...context, changed: (payload) => task.auto && ask(payload), signal, auto: task.auto });
  const input = h('div', view.node, !task.auto && button(VERBS[model.task] || 'Ask', () => ask(view.payload()), 'main'));
  const load = async (sample) => { await view.load(sample); if (!task.auto) ask(view.payload()); };
  return { load, input, below, output: h('div', empty, h('div.panels', columns)), start: () => view.draw && view.draw() };

  function ask(payload) {
    asking.abort();
    asking = new AbortController();
    const own = asking.signal;
    if (payload) panels.forEach((panel, i) => run(() => panel.ask(payload, own), i));
  }

  async function run(asked, i = 0) {
    columns[i].querySelector('.problem')?.remove();
    empty.remove();
    columns[i].classList.add('busy');
    try {
      const done = await asked();
      if (signal.aborted || i) return;
      say(done.sentence);
      view.explain(done.explanation);
      put(below, h('p.note', done.about), fold('Ask from a program', code(done)),
        fold('The whole answer', h('pre', { tabIndex: 0 }, JSON.stringify(done.body, flat, 2))));
    } catch (error) {
      if (error.name === 'AbortError') return;
      columns[i].prepend(problem(error));
    } finally {
      columns[i].classList.remove('busy');
    }
  }
}

/** Write each row of a map in one line. */
const flat = (name, value) => (name === 'weights' && Array.isArray(value) ? value.map((row) => row.join(', ')) : value);

/** Return the samples as buttons, pictures as pictures. */
function strip(samples, path, take, signal) {
  return h('div.samples', { role: 'group', ariaLabel: 'Samples' }, samples.map((sample) => {
    const name = sample.file.replace(/\.\w+$/, '');
    const picture = sample.media_type.startsWith('image/') && h('img', { alt: name });
    const node = button(picture || name, () => take(sample).catch((error) => node.after(problem(error))), 'plain', { title: sample.note || name });
    if (picture) blob(samplePath(path, sample), { signal }).then((body) => { picture.src = URL.createObjectURL(body); }, () => {});
    return node;
  }));
}

/** Return the choice of a version, and of another beside it. */
function versionChoice(model, ready, asked) {
  if (ready.length < 2) return null;
  return h('p.row', [['version', 'Version', `the one that serves (${model.serving.version})`], ['with', 'beside', 'none']].map(([name, label, none]) => {
    const options = ready.map(({ version }) => h('option', { value: version, selected: String(version) === asked[name] }, `${version}`));
    const select = h('select', { id: name, onchange: () => goTo(model.name, { ...asked, ...place(), model: '', [name]: select.value }) }, h('option', { value: '' }, none), options);
    return [h('label', { htmlFor: name }, label), select];
  }));
}

function problem(error) {
  if (!(error instanceof Problem)) console.error(error);
  const more = [error.status && `status ${error.status}`, error.wait && `try again in ${error.wait} s`, error.id && `request ${error.id}`];
  return h('div.problem', { role: 'alert' }, h('p', error.message), h('p.note', more.filter(Boolean).join(' · ')));
}

key.addEventListener('click', () => askForKey().then(start));
addEventListener('hashchange', open);
start();
