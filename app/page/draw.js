// A pad to draw a small gray picture on: light strokes on a dark ground, centred as in MNIST.

import { h, button } from './dom.js';

const SIDE = 280, SENT = 112;

/** Return the pad; `take` gets a PNG file at every stroke. */
export function drawingPad(take) {
  const pad = h('canvas.pad', { width: SIDE, height: SIDE, role: 'img', ariaLabel: 'Draw here with a finger, a pen or the mouse' });
  const pen = pad.getContext('2d', { willReadFrequently: true });
  const clear = () => pen.fillRect(0, 0, SIDE, SIDE);
  const send = () => centred(pad, pen)?.toBlob((body) => take(new File([body], 'drawing.png', { type: 'image/png' })));
  Object.assign(pen, { strokeStyle: '#fff', lineWidth: 22, lineCap: 'round' });
  let last = null;
  const at = (event) => {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
  };
  const stroke = (event) => {
    if (!last) return;
    const next = at(event);
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...next);
    pen.stroke();
    last = next;
    send();
  };
  pad.addEventListener('pointerdown', (event) => { pad.setPointerCapture(event.pointerId); last = at(event); stroke(event); });
  pad.addEventListener('pointermove', stroke);
  pad.addEventListener('pointerup', () => { last = null; });
  clear();
  return [pad, h('p.row', button('Clear', clear), h('span.note', 'Every stroke is answered.'))];
}

/** Return the strokes at 20/28 of the side, their centre of mass in the middle; nothing without strokes. */
function centred(pad, pen) {
  const { data } = pen.getImageData(0, 0, SIDE, SIDE);
  let left = SIDE, top = SIDE, right = 0, bottom = 0, sum = 0, x = 0, y = 0;
  for (let place = 0; place < SIDE * SIDE; place++) {
    const light = data[4 * place];
    if (!light) continue;
    const column = place % SIDE, row = Math.floor(place / SIDE);
    [left, right, top, bottom] = [Math.min(left, column), Math.max(right, column), Math.min(top, row), Math.max(bottom, row)];
    sum += light; x += light * column; y += light * row;
  }
  if (!sum) return null;
  const scale = SENT * 20 / 28 / Math.max(right - left, bottom - top);
  const made = h('canvas', { width: SENT, height: SENT });
  const to = made.getContext('2d');
  to.fillRect(0, 0, SENT, SENT);
  to.imageSmoothingQuality = 'high';
  to.setTransform(scale, 0, 0, scale, SENT / 2 - x / sum * scale, SENT / 2 - y / sum * scale);
  to.drawImage(pad, 0, 0);
  return made;
}
