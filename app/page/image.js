// Pictures: chosen, dropped, pasted, photographed or drawn; with the map over the part that was seen.

import { h, put, button, chooser, later, receive } from './dom.js';
import { drawingPad } from './draw.js';

export const icon = '▣';
const TYPES = { jpg: 'image/jpeg', jpeg: 'image/jpeg', png: 'image/png', webp: 'image/webp', gif: 'image/gif', bmp: 'image/bmp' };

export function create({ changed, signal, facts }) {
  const canvas = h('canvas', { width: 1, height: 1, hidden: true, role: 'img', ariaLabel: 'The picture' });
  const extra = h('div', { className: 'extra' });
  const zone = h('div', { className: 'drop' });
  const view = { picture: null, map: null, opacity: 0.7, fifth: false, payload: null };
  const redraw = () => paint(canvas, view);
  const take = async (file) => {
    view.payload = { body: file, type: typeOf(file), name: file.name };
    view.map = null;
    put(mapTools);
    view.picture = await createImageBitmap(file).catch(() => null);
    canvas.hidden = !view.picture;
    redraw();
    changed(view.payload);
  };
  const mapTools = h('div', { className: 'row' });
  const isDrawn = facts.encoder.channels === 1 && facts.encoder.height <= 64;
  const tools = h('p', { className: 'row' }, chooser('Choose a picture', 'image/*', take),
    button('Camera', () => camera(extra, take, signal)),
    isDrawn && button('Draw', () => put(extra, drawingPad(later(take, 120), facts.encoder))));
  zone.append(tools, h('p', { className: 'note' }, 'or drop one here, or paste it'), extra, canvas, mapTools);
  receive(zone, 'image', take, signal);
  return {
    node: zone,
    load: (sample) => { put(extra); return take(new File([sample.body], sample.name, { type: sample.type })); },
    payload: () => view.payload,
    draw: isDrawn && (() => put(extra, drawingPad(later(take, 120), facts.encoder))),
    explain(map) {
      view.map = map?.weights ? map : null;
      put(mapTools, view.map && controls(view, redraw));
      canvas.ariaLabel = view.map ? `The picture. Most of what led to the label is ${where(map.weights)} of the part that was seen.` : 'The picture';
      redraw();
    },
  };
}

const typeOf = (file) => file.type || TYPES[file.name?.split('.').pop().toLowerCase()] || 'application/octet-stream';

function controls(view, redraw) {
  const slider = h('input', { type: 'range', min: 0, max: 1, step: 0.05, value: view.opacity, id: 'opacity' });
  slider.addEventListener('input', () => { view.opacity = +slider.value; redraw(); });
  const fifth = h('input', { type: 'checkbox', checked: view.fifth });
  fifth.addEventListener('change', () => { view.fifth = fifth.checked; redraw(); });
  return [h('label', { htmlFor: 'opacity' }, 'Map'), slider, h('label', {}, fifth, ' only the most salient fifth')];
}

/** Draw the picture, the part that was seen as a dashed frame, and the map over it. */
function paint(canvas, { picture, map, opacity, fifth }) {
  if (!picture) return;
  const box = map?.box ?? [0, 0, 1, 1];
  const left = Math.min(0, box[0]), top = Math.min(0, box[1]);
  const across = Math.max(1, box[2]) - left, down = Math.max(1, box[3]) - top;
  const scale = Math.min(560 / (picture.width * across), 480 / (picture.height * down), 20);
  const wide = picture.width * scale, high = picture.height * scale;
  canvas.width = Math.round(wide * across);
  canvas.height = Math.round(high * down);
  const pen = canvas.getContext('2d');
  pen.imageSmoothingEnabled = scale < 3;
  pen.fillStyle = '#000';
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, -left * wide, -top * high, wide, high);
  if (!map) return;
  const seen = [(box[0] - left) * wide, (box[1] - top) * high, (box[2] - box[0]) * wide, (box[3] - box[1]) * high];
  pen.imageSmoothingEnabled = !fifth;
  pen.drawImage(heat(map.weights, opacity, fifth), ...seen);
  if (box[0] <= 0.001 && box[1] <= 0.001) return;
  for (const [colour, offset] of [['#000', 0], ['#fff', 6]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.setLineDash([6, 6]);
    pen.lineDashOffset = offset;
    pen.strokeRect(seen[0] + 1, seen[1] + 1, seen[2] - 2, seen[3] - 2);
  }
}

/** Return a map as a small canvas: what weighs nothing is clear. `fifth`: only the most salient fifth of the cells. */
export function heat(weights, opacity, fifth = false) {
  const rows = weights.length, columns = weights[0].length;
  const small = h('canvas', { width: columns, height: rows });
  const pen = small.getContext('2d');
  const image = pen.createImageData(columns, rows);
  const cells = weights.flat();
  const limit = fifth ? [...cells].sort((a, b) => b - a)[Math.floor(cells.length / 5)] : 0;
  cells.forEach((weight, cell) => {
    const strength = fifth ? (weight > limit ? 0.8 : 0) : Math.sqrt(weight);
    image.data.set([255, 70 + 150 * weight, 30, 255 * strength * opacity], 4 * cell);
  });
  pen.putImageData(image, 0, 0);
  return small;
}

/** Say in words where the weight of a map lies. */
function where(weights) {
  let sum = 0, x = 0, y = 0;
  weights.forEach((row, i) => row.forEach((weight, j) => {
    sum += weight; y += weight * (i + 0.5) / weights.length; x += weight * (j + 0.5) / row.length;
  }));
  const third = (share, names) => names[share < 0.42 ? 0 : share > 0.58 ? 2 : 1];
  const words = [third(y / sum, ['at the top', '', 'at the bottom']), third(x / sum, ['on the left', '', 'on the right'])];
  return sum && words.filter(Boolean).join(', ') || 'in the middle';
}

/** Show the camera; take one picture of it. */
async function camera(extra, take, signal) {
  if (!navigator.mediaDevices) return put(extra, h('p', { className: 'note' }, 'A browser opens the camera only for https and for this machine.'));
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
  } catch (error) {
    return put(extra, h('p', { className: 'note' }, `There is no camera to use: ${error.message}.`));
  }
  const stop = () => { stream.getTracks().forEach((track) => track.stop()); put(extra); };
  signal.addEventListener('abort', stop);
  const video = h('video', { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  const shoot = () => {
    const shot = h('canvas', { width: video.videoWidth, height: video.videoHeight });
    shot.getContext('2d').drawImage(video, 0, 0);
    shot.toBlob((body) => { stop(); take(new File([body], 'photo.jpg', { type: 'image/jpeg' })); }, 'image/jpeg', 0.92);
  };
  return put(extra, video, h('p', { className: 'row' }, button('Take the picture', shoot, { className: 'main' }), button('Close', stop)));
}
