// The answer of a classifier: one sentence, bars, the prediction set, novelty, and why it abstained.

import { h, put, listed, percent, round } from './dom.js';
import { post } from './core.js';

export const auto = true;

export function create(context) {
  const node = h('div.answer');
  return {
    node,
    async ask(payload, signal) {
      const path = `${context.path}/classify?explain=true`;
      const { response, about } = await post(path, payload, signal);
      const body = await response.json();
      const answer = body.predictions[0];
      put(node, shown(answer, context.facts));
      return { path, payload, body, about: about(), sentence: sentence(answer, context.facts), explanation: answer.explanation };
    },
  };
}

/** Say the answer in one or two sentences. */
export function sentence(answer, facts) {
  const why = reasons(answer, facts);
  const rest = why.length ? `The model abstains: ${why.join('; ')}.` : credible(answer, facts);
  return `${answer.label}, ${percent(answer.probability)}. ${rest}`;
}

/** Say which other labels are credible. */
function credible(answer, facts) {
  if (!answer.prediction_set) return '';
  const coverage = percent(facts.conformal?.coverage ?? 0.95);
  const others = answer.prediction_set.filter((label) => label !== answer.label);
  return others.length ? `At ${coverage} it may also be ${listed(others)}.` : `At ${coverage} no other label is credible.`;
}

/** Return why the model abstains: nothing if it does not. */
export function reasons(answer, facts) {
  if (!answer.abstained) return [];
  const { novelty: limit, confidence, conformal } = facts;
  const set = answer.prediction_set, why = answer.abstained_because;
  const because = (name, otherwise) => (why ? why.includes(name) : otherwise);
  const found = [];
  if (limit && because('novelty', answer.novelty >= limit.threshold)) {
    found.push(`it is unlike what the model learnt from (novelty ${round(answer.novelty)}, threshold ${round(limit.threshold)})`);
  }
  if (conformal && set && because('prediction_set', !set.length || set.length === facts.labels.length)) {
    found.push(set.length ? 'every label is credible' : `no label reaches the probability that is credible at ${percent(conformal.coverage)}`);
  }
  if (confidence && because('confidence', answer.probability < confidence.threshold)) {
    found.push(`${percent(answer.probability)} is below the threshold of ${percent(confidence.threshold)}`);
  }
  return found.length ? found : ['the model abstains'];
}

function shown(answer, facts) {
  const why = reasons(answer, facts);
  const set = new Set(answer.prediction_set ?? answer.top.map((each) => each.label));
  const coverage = facts.conformal && percent(facts.conformal.coverage);
  const beyond = [...set].filter((label) => !answer.top.some((each) => each.label === label)).length;
  return [
    why.length > 0 && h('p.abstains', h('strong', 'The model abstains: '), `${why.join('; ')}. Its best guess is below.`),
    h('p.label', answer.label, ' ', h('span', percent(answer.probability))),
    !why.length && h('p', credible(answer, facts)),
    h('ol.bars', answer.top.map((each) => bar(each, set.has(each.label)))),
    coverage && h('p.note.legend', h('span.swatch.in'), `in the ${coverage} prediction set`,
      beyond > 0 && ` (and ${beyond.toLocaleString('en')} more)`, h('span.swatch'), 'not in it'),
    answer.novelty !== undefined && meter(answer.novelty, facts.novelty?.threshold),
    answer.truncated && h('p.note', `Left out: ${answer.truncated}.`),
  ];
}

function bar({ label, probability }, isIn) {
  return h(isIn ? 'li.in' : 'li', h('span.name', label),
    h('span.track', h('span.fill', { style: { width: `${100 * probability}%` } })),
    h('span.value', percent(probability)));
}

/** Return novelty on its scale, with the threshold marked. */
export function meter(novelty, threshold = 0.5) {
  const side = novelty >= threshold ? 'unlike' : 'like';
  return h('div.meter',
    h('p', 'Novelty ', h('b', round(novelty)), ` — ${side} what the model learnt from (threshold ${round(threshold)})`),
    h('div.scale', h('span.tick', { style: { left: `${100 * threshold}%` } }),
      h('span.dot', { style: { left: `${100 * novelty}%` } })));
}
