// A pad to draw a small gray picture on: light strokes on a dark ground, centred as in MNIST.

import { h, button } from './dom.js';

const SIDE = 280, SENT = 112;

/** Return the pad; `take` gets a PNG file at every stroke. */
export function drawingPad(take) {
  const pad = h('canvas', { width: SIDE, height: SIDE, className: 'pad', role: 'img', ariaLabel: 'Draw here with a finger, a pen or the mouse' });
  const pen = pad.getContext('2d', { willReadFrequently: true });
  const clear = () => { pen.fillStyle = '#000'; pen.fillRect(0, 0, SIDE, SIDE); };
  const send = () => centred(pad, pen)?.toBlob((body) => take(new File([body], 'drawing.png', { type: 'image/png' })));
  let last = null;
  const at = (event) => {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) * SIDE / box.width, (event.clientY - box.top) * SIDE / box.height];
  };
  const stroke = (event) => {
    if (!last) return;
    const next = at(event);
    Object.assign(pen, { strokeStyle: '#fff', lineWidth: 22, lineCap: 'round', lineJoin: 'round' });
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
  return [pad, h('p', { className: 'row' }, button('Clear', clear), h('span', { className: 'note' }, 'Every stroke is answered.'))];
}

/** Return the strokes at 20/28 of the side, their centre of mass in the middle; nothing without strokes. */
function centred(pad, pen) {
  const { data } = pen.getImageData(0, 0, SIDE, SIDE);
  let left = SIDE, top = SIDE, right = 0, bottom = 0, sum = 0, x = 0, y = 0;
  for (let place = 0; place < SIDE * SIDE; place++) {
    const light = data[4 * place];
    if (!light) continue;
    const column = place % SIDE, row = Math.floor(place / SIDE);
    left = Math.min(left, column); right = Math.max(right, column + 1);
    top = Math.min(top, row); bottom = Math.max(bottom, row + 1);
    sum += light; x += light * column; y += light * row;
  }
  if (!sum) return null;
  const scale = (SENT * 20 / 28) / Math.max(right - left, bottom - top);
  const made = h('canvas', { width: SENT, height: SENT });
  const to = made.getContext('2d');
  to.fillRect(0, 0, SENT, SENT);
  to.imageSmoothingQuality = 'high';
  to.drawImage(pad, left, top, right - left, bottom - top, SENT / 2 - (x / sum - left) * scale, SENT / 2 - (y / sum - top) * scale, (right - left) * scale, (bottom - top) * scale);
  return made;
}
