// The frame: the list of models, the model that is shown, its input, its answers and what is below them.

import { h, put, button } from './dom.js';
import { askForKey, blob, goTo, json, modelPath, place, Problem, apiKey, request, say } from './core.js';
import { card, headline } from './card.js';
import { code } from './code.js';

const list = document.getElementById('models');
const work = document.getElementById('work');
const TASKS = { classify: 'Classify', complete: 'Continue', reconstruct: 'Reconstruct' };
let models = [];
let leaving = new AbortController();

/** Return the view of a modality or task: a file of its name here; `otherwise` where there is none. */
const viewOf = (name, otherwise) => (/^[a-z-]+$/.test(name) ? import(`./${name}.js`).catch(() => import(otherwise)) : import(otherwise));

async function start() {
  const key = document.getElementById('key');
  key.addEventListener('click', () => askForKey().then(start));
  key.hidden = !apiKey();
  try {
    ({ models } = await json('v1/models'));
  } catch (error) {
    return put(work, problem(error), button('Try again', start, { className: 'main' }));
  }
  drawList();
  return open();
}

function drawList() {
  const groups = Map.groupBy ? Map.groupBy(models, (model) => model.modality || 'other') : new Map([['models', models]]);
  put(list, [...groups].map(([modality, members]) => h('section', {}, h('h2', {}, modality),
    h('ul', {}, members.map(entry)))));
}

function entry(model) {
  const ready = model.versions.some((each) => each.state === 'ready');
  return h('li', {}, h('a', { href: `#/${model.name}`, id: `model-${model.name}` }, h('b', {}, model.name),
    h('span', { className: `state ${ready ? '' : 'off'}` }, ready ? TASKS[model.task] || model.task : model.versions.at(-1).state)));
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
  const shown = place();
  const name = shown.model || models.find((model) => model.modality)?.name;
  for (const link of list.querySelectorAll('a')) {
    if (link.id === `model-${name}`) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
  }
  if (!name) return put(work, h('p', {}, 'No model is published here yet.'));
  document.title = `${name} · Thalamus`;
  try {
    const model = await json(modelPath(name), { signal });
    if (!signal.aborted) await show(model, shown, signal);
  } catch (error) {
    if (error.name !== 'AbortError' && !signal.aborted) put(work, h('h1', {}, name), problem(error));
  }
  return null;
}

async function show(model, shown, signal) {
  const ready = model.versions.filter((each) => each.state === 'ready');
  if (!ready.length) {
    return put(work, h('h1', {}, model.name), h('p', { className: 'abstains' }, `This model is ${model.versions.at(-1).state}. ${model.versions.at(-1).reason || ''}`));
  }
  const version = ready.find((each) => each.version === +shown.version)?.version;
  const { facts } = ready.find((each) => each.version === (version || model.serving.version)) || ready.at(-1);
  const path = modelPath(model.name, version);
  const markdown = request(`${path}/card`, { signal }).then((found) => found.text()).catch(() => '');
  const [modality, task, sampled, text] = await Promise.all([viewOf(model.modality, './file.js'), viewOf(model.task, './table.js'),
    json(`${path}/samples`, { signal }).catch(() => ({ samples: [] })), markdown]);
  if (signal.aborted) return null;
  const asks = bench({ model, facts, modality, task, signal, versions: [version, ...(shown.with ? [+shown.with] : [])] });
  put(work, h('h1', {}, model.name), h('p', { className: 'about' }, facts.description),
    headline(text) && h('p', { className: 'headline' }, headline(text)), versions(model, ready, shown),
    h('div', { className: 'bench' }, h('section', { className: 'input', ariaLabel: 'Input' }, h('h2', {}, 'Input'), samples(sampled.samples, path, asks, signal), asks.input),
      h('section', { className: 'output', ariaLabel: 'Answer' }, h('h2', {}, 'Answer'), asks.output)),
    asks.below, text && h('details', { className: 'fold' }, h('summary', {}, 'Model card'), card(text, `${path}/card`)));
  const first = sampled.samples.find((each) => each.file === shown.sample);
  if (first) asks.take(first, path);
  else if (asks.view.draw) asks.view.draw();
  return null;
}

/** Return the input of a model, and a panel of its task for each version. */
function bench({ model, facts, modality, task, signal, versions: numbers }) {
  const below = h('div'), output = h('div', { className: 'panels' });
  let asking = new AbortController();
  const context = { facts, task: model.task, explains: model.task === 'classify', run };
  const panels = numbers.map((number) => task.create({ ...context, path: modelPath(model.name, number) }));
  const view = modality.create({ ...context, changed: (payload) => ask(payload), signal, auto: task.auto });
  const columns = panels.map((panel, i) => h('div', { className: 'panel' }, panels.length > 1 && h('h3', {}, numbers[i] ? `Version ${numbers[i]}` : `Version ${model.serving.version}, which serves`), panel.node));
  put(output, columns, h('p', { className: 'note empty' }, task.auto ? 'The answer appears here as soon as there is an input.' : 'Write the start of a text, then continue it.'));
  const input = h('div', {}, view.node, !task.auto && button(TASKS[model.task] || 'Ask', () => ask(view.payload(), true), { className: 'main' }));
  return { view, input, output, below, take };

  async function take(sample, path) {
    goTo(model.name, { ...place(), model: '', sample: sample.file }, true);
    const body = await blob(`${path}/samples/${encodeURIComponent(sample.file)}`, { signal });
    await view.load({ body, name: sample.file, type: sample.media_type });
  }

  function ask(payload, pressed = false) {
    if (!payload || !(task.auto || pressed)) return null;
    asking.abort();
    asking = new AbortController();
    const { signal: own } = asking;
    return Promise.all(panels.map((panel, i) => run(() => panel.ask(payload, own), columns[i], i === 0)));
  }

  async function run(work, column = columns[0], first = true) {
    column.querySelector('.problem')?.remove();
    output.querySelector('.empty')?.remove();
    column.classList.add('busy');
    try {
      const done = await work();
      if (signal.aborted || !first) return;
      say(done.sentence);
      view.explain(done.explanation);
      put(below, h('p', { className: 'note' }, done.about), h('details', { className: 'fold' }, h('summary', {}, 'Ask from a program'), code(done)),
        h('details', { className: 'fold' }, h('summary', {}, 'The whole answer'), h('pre', { tabIndex: 0 }, JSON.stringify(done.body, flat, 2))));
    } catch (error) {
      if (error.name === 'AbortError') return;
      column.prepend(problem(error));
      say(error.message);
    } finally {
      column.classList.remove('busy');
    }
  }
}

/** Write rows of numbers in one line. */
const flat = (name, value) => (name === 'weights' && Array.isArray(value) ? value.map((row) => row.join(', ')) : value);

function samples(found, path, asks, signal) {
  if (!found.length) return null;
  return h('div', { className: 'samples', role: 'group', ariaLabel: 'Samples' }, found.map((each) => {
    const name = each.file.replace(/\.\w+$/, '');
    const node = button(name, () => asks.take(each, path).catch((error) => asks.output.prepend(problem(error))), { title: each.note });
    if (each.media_type.startsWith('image/')) {
      blob(`${path}/samples/${encodeURIComponent(each.file)}`, { signal }).then((body) => {
        put(node, h('img', { src: URL.createObjectURL(body), alt: name }));
      }, () => {});
    }
    return node;
  }));
}

/** Return the choice of a version, and of another to compare it with. */
function versions(model, ready, shown) {
  if (ready.length < 2) return null;
  const choice = (name, label, none) => {
    const select = h('select', { id: `choose-${name}` }, h('option', { value: '' }, none),
      ready.map(({ version }) => h('option', { value: version, selected: String(version) === shown[name] }, version)));
    select.addEventListener('change', () => goTo(model.name, { ...shown, model: '', [name]: select.value }));
    return [h('label', { htmlFor: select.id }, label), select];
  };
  return h('p', { className: 'row' }, choice('version', 'Version', `the one that serves (${model.serving.version})`), choice('with', 'beside', 'none'));
}

function problem(error) {
  if (!(error instanceof Problem)) console.error(error);
  const more = [error.status && `status ${error.status}`, error.wait && `try again in ${error.wait} s`, error.id && `request ${error.id}`];
  return h('div', { className: 'problem', role: 'alert' }, h('p', {}, error.message), h('p', { className: 'note' }, more.filter(Boolean).join(' · ')));
}

addEventListener('hashchange', open);
start();
