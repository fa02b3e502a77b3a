// Sounds: recorded as PCM in the page, or a file; with waveform, spectrogram, and the map over what was heard.

import { h, put, button, chooser, receive } from './dom.js';
import { heat } from './image.js';

export const icon = '∿';
const WIDE = 560, WAVE = 80, HIGH = 150, WINDOW = 256;

export function create({ changed, signal, facts }) {
  const canvas = h('canvas', { width: WIDE, height: WAVE + HIGH + 18, hidden: true, role: 'img' });
  const note = h('p', { className: 'note' });
  const view = { payload: null, sound: null, player: new Audio() };
  const take = async (file) => {
    const name = file.name || 'sound.wav';
    view.payload = { body: file, type: file.type || 'application/octet-stream', name };
    URL.revokeObjectURL(view.player.src);
    view.player.src = URL.createObjectURL(file);
    view.sound = await decoded(file, facts.encoder.rate || 16000);
    canvas.hidden = play.disabled = !view.sound;
    canvas.ariaLabel = view.sound && `Waveform and spectrogram of ${name}, ${view.sound.duration.toFixed(2)} seconds`;
    note.textContent = view.sound ? `${name}, ${view.sound.duration.toFixed(2)} s` : `${name} cannot be drawn by this browser`;
    paint(canvas, view.sound, null);
    changed(view.payload);
  };
  const record = button('Record', () => recording(record, note, take, signal));
  const play = button('Play', () => view.player.play(), { disabled: true });
  const zone = h('div', { className: 'drop' }, h('p', { className: 'row' }, record,
    chooser('Choose a sound', 'audio/*', take), play), h('p', { className: 'note' }, 'or drop a WAV, FLAC, Ogg Vorbis or MP3 file here'), note, canvas);
  record.className = 'main';
  receive(zone, 'audio', take, signal);
  signal.addEventListener('abort', () => view.player.pause());
  return {
    node: zone, payload: () => view.payload,
    load: (sample) => take(new File([sample.body], sample.name, { type: sample.type })),
    explain: (map) => paint(canvas, view.sound, map?.seconds ? map : null),
  };
}

/** Return the sound at a rate, or nothing where the browser cannot read it. */
async function decoded(file, rate) {
  const context = new OfflineAudioContext(1, 1, Math.min(48000, Math.max(8000, rate)));
  return context.decodeAudioData(await file.arrayBuffer()).catch(() => null);
}

/** Draw the waveform over the spectrogram; `map`: what weighs for the label, and what was heard of the sound. */
function paint(canvas, sound, map) {
  if (!sound) return;
  const pen = canvas.getContext('2d');
  const samples = sound.getChannelData(0);
  const x = (seconds) => seconds / sound.duration * WIDE;
  pen.fillStyle = '#0d1320';
  pen.fillRect(0, 0, WIDE, canvas.height);
  waveform(pen, samples);
  pen.imageSmoothingEnabled = true;
  pen.drawImage(spectrogram(samples), 0, WAVE, WIDE, HIGH);
  if (map) overlay(pen, map, x, sound.sampleRate / 2);
  pen.fillStyle = '#c9d4e5';
  pen.font = '12px system-ui, sans-serif';
  pen.fillText('0 s', 4, WAVE + HIGH + 14);
  pen.fillText(`${sound.duration.toFixed(2)} s`, WIDE - 44, WAVE + HIGH + 14);
  pen.fillText(`${(sound.sampleRate / 2000).toFixed(0)} kHz`, 4, WAVE + 13);
}

function waveform(pen, samples) {
  const most = samples.reduce((high, value) => Math.max(high, Math.abs(value)), 1e-4);
  const step = samples.length / WIDE;
  pen.fillStyle = '#5ad1c8';
  for (let column = 0; column < WIDE; column++) {
    let high = 0;
    for (let i = Math.floor(column * step); i < (column + 1) * step; i++) high = Math.max(high, Math.abs(samples[i] || 0));
    const tall = Math.max(1, high / most * (WAVE - 10));
    pen.fillRect(column, (WAVE - tall) / 2, 1, tall);
  }
}

function spectrogram(samples) {
  const columns = Math.max(1, Math.min(400, Math.floor((samples.length - WINDOW) / 64)));
  const rows = WINDOW / 2, step = Math.max(0, samples.length - WINDOW) / columns;
  const levels = Array.from({ length: columns }, (_, column) => spectrum(samples, Math.floor(column * step)));
  const most = Math.max(...levels.map((column) => Math.max(...column)));
  const small = h('canvas', { width: columns, height: rows });
  const image = small.getContext('2d').createImageData(columns, rows);
  levels.forEach((column, i) => column.forEach((level, j) => {
    const share = Math.max(0, 1 + (level - most) / 7);
    image.data.set([20 + 100 * share ** 2, 25 + 200 * share, 50 + 150 * share ** 0.7, 255], 4 * ((rows - 1 - j) * columns + i));
  }));
  small.getContext('2d').putImageData(image, 0, 0);
  return small;
}

/** Return the logarithm of the power of each frequency: a Fourier transform under a Hann window. */
function spectrum(samples, start) {
  const re = new Float64Array(WINDOW), im = new Float64Array(WINDOW);
  for (let i = 0; i < WINDOW; i++) {
    let to = 0;
    for (let bit = 1, back = WINDOW >> 1; back; bit <<= 1, back >>= 1) if (i & bit) to |= back;
    re[to] = (samples[start + i] || 0) * (0.5 - 0.5 * Math.cos(2 * Math.PI * i / WINDOW));
  }
  for (let half = 1; half < WINDOW; half *= 2) {
    for (let k = 0; k < WINDOW; k++) {
      if (k & half) continue;
      const turn = -Math.PI * (k & (half - 1)) / half;
      const c = Math.cos(turn), d = Math.sin(turn), far = k + half;
      const x = re[far] * c - im[far] * d, y = re[far] * d + im[far] * c;
      re[far] = re[k] - x; im[far] = im[k] - y;
      re[k] += x; im[k] += y;
    }
  }
  return Array.from({ length: WINDOW / 2 }, (_, i) => Math.log(re[i] ** 2 + im[i] ** 2 + 1e-9));
}

function overlay(pen, { weights, seconds, hertz }, x, highest) {
  const colours = heat(weights, 0.85);
  const bands = hertz || [0, highest];
  const y = (frequency) => WAVE + HIGH * (1 - Math.min(1, frequency / highest));
  weights.forEach((band, i) => {
    const low = y(hertz ? bands[i] : highest * i / weights.length), top = y(hertz ? bands[i + 1] : highest * (i + 1) / weights.length);
    pen.drawImage(colours, 0, i, band.length, 1, x(seconds[0]), top, x(seconds.at(-1)) - x(seconds[0]), low - top);
  });
  pen.fillStyle = '#0008';
  pen.fillRect(0, 0, x(seconds[0]), WAVE + HIGH);
  pen.fillRect(x(seconds.at(-1)), 0, WIDE, WAVE + HIGH);
}

/** Record until the button is pressed again, five seconds at most. */
async function recording(record, note, take, signal) {
  if (record.stop) return record.stop();
  if (!navigator.mediaDevices) { note.textContent = 'A browser records only for https and for this machine.'; return null; }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false } });
  } catch (error) {
    note.textContent = `There is no microphone to use: ${error.message}.`;
    return null;
  }
  const context = new AudioContext();
  await context.audioWorklet.addModule('page/recorder.js');
  const node = new AudioWorkletNode(context, 'recorder', { numberOfOutputs: 0 });
  const pieces = [];
  node.port.onmessage = ({ data }) => pieces.push(data);
  context.createMediaStreamSource(stream).connect(node);
  record.textContent = 'Stop';
  note.textContent = 'Recording: speak now. It stops by itself after five seconds.';
  const timer = setTimeout(() => record.stop?.(), 5000);
  record.stop = () => {
    clearTimeout(timer);
    record.stop = null;
    record.textContent = 'Record';
    stream.getTracks().forEach((track) => track.stop());
    const rate = context.sampleRate;
    context.close();
    if (!signal.aborted && pieces.length) take(new File([wav(pieces, rate)], 'recording.wav', { type: 'audio/wav' }));
  };
  signal.addEventListener('abort', () => record.stop?.());
  return null;
}

/** Return a WAV file of 16-bit PCM, one channel. */
function wav(pieces, rate) {
  const count = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const view = new DataView(new ArrayBuffer(44 + 2 * count));
  const name = (place, text) => [...text].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  name(0, 'RIFF'); name(8, 'WAVEfmt '); name(36, 'data');
  view.setUint32(4, 36 + 2 * count, true); view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  view.setUint32(40, 2 * count, true);
  let place = 44;
  for (const piece of pieces) for (const value of piece) { view.setInt16(place, 32767 * Math.max(-1, Math.min(1, value)), true); place += 2; }
  return view.buffer;
}
