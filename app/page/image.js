// Pictures: chosen, dropped, pasted, photographed or drawn; with the map over the part that was seen.

import { h, put, button, chooser, device, later, pixels, receive } from './dom.js';
import { drawingPad } from './draw.js';

export function create({ changed, signal, facts }) {
  const canvas = h('canvas', { width: 1, height: 1, hidden: true, role: 'img', ariaLabel: 'The picture' });
  const extra = h('div.extra');
  const zone = h('div.drop');
  const mapTools = h('div.row');
  const view = { picture: null, map: null, opacity: 0.7, fifth: false, payload: null };
  const redraw = () => paint(canvas, view);
  const take = async (file) => {
    view.payload = { body: file, type: file.type || 'application/octet-stream', name: file.name };
    view.map = null;
    put(mapTools);
    view.picture = await createImageBitmap(file).catch(() => null);
    canvas.hidden = !view.picture;
    redraw();
    changed(view.payload);
  };
  const draw = facts.encoder.channels === 1 && facts.encoder.height <= 64 && (() => put(extra, drawingPad(later(take, 120))));
  zone.append(h('p.row', chooser('Choose a picture', 'image/*', take, 'main'), button('Camera', () => camera(extra, take, signal)),
    draw && button('Draw', draw), h('span.note', 'or drop one here, or paste it')), extra, canvas, mapTools);
  receive(zone, 'image', take, signal);
  return {
    node: zone,
    load: (sample) => { put(extra); return take(new File([sample.body], sample.name, { type: sample.type })); },
    payload: () => view.payload,
    draw,
    explain(map) {
      view.map = map?.weights ? map : null;
      put(mapTools, view.map && controls(view, redraw));
      canvas.ariaLabel = view.map ? `The picture. Most of what led to the label is ${where(map.weights)} of the part that was seen.` : 'The picture';
      redraw();
    },
  };
}

function controls(view, redraw) {
  const slider = h('input', { type: 'range', max: 1, step: 0.05, value: view.opacity, oninput: () => { view.opacity = +slider.value; redraw(); } });
  const fifth = h('input', { type: 'checkbox', checked: view.fifth, onchange: () => { view.fifth = fifth.checked; redraw(); } });
  return [h('label.row', 'Map', slider), h('label', fifth, ' only the most salient fifth')];
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
  pen.setLineDash([6, 6]);
  for (const [strokeStyle, lineDashOffset] of [['#000', 0], ['#fff', 6]]) {
    Object.assign(pen, { strokeStyle, lineDashOffset, lineWidth: 3 });
    pen.strokeRect(...seen);
  }
}

/** Return a map as a small canvas: what weighs nothing is clear. `fifth`: only the most salient fifth of the cells. */
export function heat(weights, opacity, fifth = false) {
  const cells = weights.flat().sort((a, b) => b - a);
  const limit = cells[Math.floor(cells.length / 5)];
  return pixels(weights[0].length, weights.length, (x, y) => {
    const weight = weights[y][x];
    const strength = fifth ? (weight > limit ? 0.8 : 0) : Math.sqrt(weight);
    return [255, 70 + 150 * weight, 30, 255 * strength * opacity];
  });
}

/** Say in words where the weight of a map lies. */
function where(weights) {
  const total = (numbers) => numbers.reduce((sum, each) => sum + each, 0);
  const centre = (sums) => total(sums.map((sum, i) => sum * (i + 0.5))) / total(sums) / sums.length;
  const side = (share, low, high) => (share < 0.42 ? low : share > 0.58 ? high : '');
  const columns = weights[0].map((_, x) => total(weights.map((row) => row[x])));
  return `${side(centre(weights.map(total)), 'at the top ', 'at the bottom ')}${side(centre(columns), 'on the left', 'on the right')}`.trim() || 'in the middle';
}

/** Show the camera; take one picture of it. */
async function camera(extra, take, signal) {
  const stream = await device({ video: { facingMode: 'environment' } }, extra);
  if (!stream) return;
  const stop = () => { stream.getTracks().forEach((track) => track.stop()); put(extra); };
  signal.addEventListener('abort', stop);
  const video = h('video', { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  const shoot = () => {
    const shot = h('canvas', { width: video.videoWidth, height: video.videoHeight });
    shot.getContext('2d').drawImage(video, 0, 0);
    shot.toBlob((body) => { stop(); take(new File([body], 'photo.jpg', { type: 'image/jpeg' })); }, 'image/jpeg', 0.92);
  };
  put(extra, video, h('p.row', button('Take the picture', shoot, 'main'), button('Close', stop)));
}
