// The answer of an autoencoder: before | after | difference, and the novelty.

import { h, put, pixels } from './dom.js';
import { post } from './core.js';
import { meter } from './classify.js';

export const auto = true;

export function create(context) {
  const node = h('div.answer');
  return {
    node,
    async ask(payload, signal) {
      const path = `${context.path}/reconstruct`;
      const { response, about } = await post(path, payload, signal);
      const body = await response.json();
      const answer = body.reconstructions[0];
      const after = await picture(answer.reconstruction);
      const before = await createImageBitmap(payload.body).catch(() => null);
      put(node, before && panels(fitted(before, context.facts.encoder, after), after),
        h('p', 'Error of the reconstruction ', h('b', answer.reconstruction_error.toFixed(4))), meter(answer.novelty, context.facts.novelty?.threshold));
      const sentence = `Reconstructed with an error of ${answer.reconstruction_error.toFixed(4)}, novelty ${answer.novelty.toFixed(2)}.`;
      return { path, payload, body, about: about(), sentence };
    },
  };
}

const picture = ({ b64, media_type: type }) => createImageBitmap(new Blob([Uint8Array.from(atob(b64), (c) => c.charCodeAt(0))], { type }));

/** Return a canvas of the picture as the model reads it, of the size of its answer. */
function fitted(before, { fit, crop_fraction: part }, { width, height }) {
  const made = h('canvas', { width, height });
  const pen = made.getContext('2d');
  const ratios = [width / before.width, height / before.height];
  const scale = fit === 'pad' ? Math.min(...ratios) : Math.max(...ratios) / (part || 1);
  const size = fit === 'stretch' ? [width, height] : [before.width * scale, before.height * scale];
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(before, (width - size[0]) / 2, (height - size[1]) / 2, ...size);
  return made;
}

function panels(before, after) {
  const copy = h('canvas', { width: after.width, height: after.height });
  copy.getContext('2d').drawImage(after, 0, 0);
  return h('div.panels.pictures', [[before, 'Before'], [copy, 'After'], [difference(before, copy), 'Difference × 4']].map(([canvas, name]) => {
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', name);
    return h('figure', canvas, h('figcaption', name));
  }));
}

function difference(one, other) {
  const [a, b] = [one, other].map((canvas) => canvas.getContext('2d').getImageData(0, 0, one.width, one.height).data);
  return pixels(one.width, one.height, (x, y) => {
    const i = 4 * (y * one.width + x);
    return [0, 1, 2].map((c) => 4 * Math.abs(a[i + c] - b[i + c])).concat(255);
  });
}
