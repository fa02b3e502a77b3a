// A text continued: the words appear as they come, and each can be exchanged for another.

import { h, put, button, percent } from './dom.js';
import { events, post } from './core.js';

export const auto = false;

export function create(context) {
  const node = h('div', { className: 'answer' });
  const text = h('p', { className: 'continued' });
  const others = h('div', { className: 'others', role: 'group', ariaLabel: 'Other words' });
  const option = (name, given) => h('input', { type: 'number', id: `option-${name}`, ...given });
  const fields = { max_words: option('words', { min: 1, max: 500, value: 25 }),
    temperature: option('temperature', { min: 0, max: 5, step: 0.1, value: 0 }), seed: option('seed', { min: 0, placeholder: 'any' }) };
  const state = { stop: null, payload: null };
  const stop = button('Stop', () => state.stop?.abort(), { disabled: true });
  const named = { max_words: 'Words', temperature: 'Temperature', seed: 'Seed' };
  node.append(h('p', { className: 'row' }, Object.entries(fields).map(([name, field]) => h('label', {}, named[name], ' ', field)), stop),
    text, others, h('p', { className: 'note' }, 'Choose a word of the continuation to see what else was likely, and go on from another.'));
  const options = () => Object.fromEntries(Object.entries(fields).filter(([, field]) => field.value !== '').map(([name, field]) => [name, +field.value]));

  /** Continue `payload.text` and the words in `kept`. */
  async function go(payload, signal, kept = []) {
    state.stop?.abort();
    const own = state.stop = new AbortController();
    signal?.addEventListener('abort', () => own.abort());
    const path = `${context.path}/complete`;
    const asked = { text: payload.text + kept.map((word) => word.text).join(''), alternatives: 6, ...options() };
    const sent = { body: JSON.stringify(asked), type: 'application/json' };
    const words = [...kept];
    put(others);
    put(text, payload.text, kept.map(chip));
    stop.disabled = false;
    let last = {};
    try {
      const { response, about } = await post(path, sent, own.signal, { Accept: 'text/event-stream' });
      for await (const [name, data] of events(response)) {
        if (name === 'error') throw new Error(data.detail);
        if (name === 'word') { text.append(chip(data, words.length)); words.push(data); } else last = data;
      }
      return { path, payload: sent, body: { ...last, words: words.slice(kept.length) }, about: about(), sentence: `Continued: ${words.map((word) => word.text).join('')}` };
    } finally {
      if (state.stop === own) stop.disabled = true;
    }

    function chip(word, place) {
      const show = () => choose(word, place);
      return button(word.text, show, { className: 'word', title: percent(word.probability), style: { '--p': word.probability } });
    }

    function choose(word, place) {
      const before = words.slice(0, place);
      const exchange = (other) => () => context.run(() => go(payload, undefined, [...before, { ...other, text: spaced(other.word), alternatives: word.alternatives }]));
      put(others, h('span', {}, `Instead of “${word.text.trim()}” (${percent(word.probability)}):`),
        (word.alternatives || []).filter((other) => other.word !== word.word).map((other) => button(`${other.word} ${percent(other.probability)}`, exchange(other))));
    }
  }
  return { node, ask: go };
}

/** Marks stand at the word before, words after a space. */
const spaced = (word) => (/^[.,;:!?%)’']/.test(word) ? word : ` ${word}`);
