// What all views share: requests with the key, problems as people read them, and the address of the page.

import { h, button, put } from './dom.js';

const KEY = 'thalamus-key';
const asking = { now: null };

/** An answer that is none: `message` is what the service says. */
export class Problem extends Error {
  constructor(status, body, wait) {
    super(body.detail || `The service answered ${status}`);
    this.status = status;
    this.id = body.request_id;
    this.wait = wait;
  }
}

export const apiKey = () => sessionStorage.getItem(KEY) || '';

/** Ask the service; where it wants a key, ask the person once. Raise a `Problem`. */
export async function request(path, options = {}, again = true) {
  const headers = { ...options.headers };
  if (apiKey()) headers['X-API-Key'] = apiKey();
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem(0, { detail: 'The service cannot be reached. Is it still running?' });
  }
  if (response.status === 401 && again) {
    await askForKey(apiKey() ? 'The service does not know this key.' : '');
    return request(path, options, false);
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new Problem(response.status, body, response.headers.get('retry-after'));
  }
  return response;
}

export const json = async (path, options) => (await request(path, options)).json();
export const blob = async (path, options) => (await request(path, options)).blob();

/** Show the form for a key; the key stays in this tab until it is closed. */
export function askForKey(why = '') {
  asking.now ||= new Promise((resolve) => {
    const dialog = document.getElementById('ask-key');
    const field = h('input', { type: 'password', id: 'key-field', autocomplete: 'off', required: true });
    const done = (event) => {
      event.preventDefault();
      if (field.value.trim()) sessionStorage.setItem(KEY, field.value.trim());
      dialog.close();
    };
    put(dialog, h('form', { onsubmit: done },
      h('h2', { id: 'ask-title' }, 'This service asks for an API key'),
      h('p', why, ' It is kept in this tab only, until you close it.'),
      h('label', { htmlFor: 'key-field' }, 'API key'), field,
      h('p.row', h('button.main', 'Use this key'),
        button('Forget the key', () => { sessionStorage.removeItem(KEY); dialog.close(); }))));
    dialog.addEventListener('close', () => { asking.now = null; resolve(); }, { once: true });
    document.getElementById('key').hidden = false;
    dialog.showModal();
    field.focus();
  });
  return asking.now;
}

/** Return the address of a model, or of one of its versions. */
export const modelPath = (name, version) => `v1/models/${encodeURIComponent(name)}${version ? `/versions/${version}` : ''}`;

/** Post an item; return the JSON of the answer and what the headers say about it. */
export async function post(path, payload, signal, extra = {}) {
  const headers = { 'Content-Type': payload.type, ...extra };
  const start = performance.now();
  const response = await request(path, { method: 'POST', body: payload.body, headers, signal });
  return { response, about: () => about(response, performance.now() - start) };
}

function about(response, total) {
  const stages = [...(response.headers.get('server-timing') || '').matchAll(/([\w-]+);dur=([\d.]+)/g)];
  const times = stages.map(([, stage, ms]) => `${stage} ${ms}`).join(' · ');
  return `version ${response.headers.get('x-model-version')} · ${total.toFixed(0)} ms${times ? ` (service, ms: ${times})` : ''} · request ${response.headers.get('x-request-id')}`;
}

/** Read server-sent events: [name, data] each. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    text += value || '';
    const parts = text.split('\n\n');
    text = parts.pop();
    for (const part of parts) {
      const lines = part.split('\n');
      const data = lines.find((line) => line.startsWith('data: '));
      yield [lines[0].slice(7), JSON.parse(data.slice(6))];
    }
    if (done) return;
  }
}

/** Read and write the part of the address that says what is shown: `#/model?name=value`. */
export function place() {
  const [path, query] = location.hash.slice(2).split('?');
  return { model: decodeURIComponent(path || ''), ...Object.fromEntries(new URLSearchParams(query)) };
}

export function goTo(model, options = {}, replace = false) {
  const query = new URLSearchParams(Object.entries(options).filter(([, value]) => value)).toString();
  const hash = `#/${encodeURIComponent(model)}${query ? `?${query}` : ''}`;
  if (replace) history.replaceState(null, '', hash);
  else location.hash = hash;
}

export const say = (text) => { document.getElementById('live').textContent = text; };
