// Sounds: recorded as PCM in the page, or a file; with waveform, spectrogram, and the map over what was heard.

import { h, button, chooser, device, pixels, receive, round } from './dom.js';
import { heat } from './image.js';

const WIDE = 560, WAVE = 80, HIGH = 150, WINDOW = 256;

export function create({ changed, signal, facts }) {
  const canvas = h('canvas', { width: WIDE, height: WAVE + HIGH + 18, hidden: true, role: 'img', ariaLabel: 'Sound' });
  const note = h('p.note');
  const view = { payload: null, sound: null, player: new Audio() };
  const take = async (file) => {
    const { name } = file;
    view.payload = { body: file, type: file.type || 'application/octet-stream', name };
    URL.revokeObjectURL(view.player.src);
    view.player.src = URL.createObjectURL(file);
    view.sound = await decoded(file, facts.encoder.rate || 16000);
    canvas.hidden = play.disabled = !view.sound;
    note.textContent = view.sound ? `${name}, ${round(view.sound.duration)} s` : `${name} cannot be drawn by this browser`;
    canvas.ariaLabel = `Waveform and spectrogram of ${note.textContent}`;
    paint(canvas, view.sound, null);
    changed(view.payload);
  };
  const record = button('Record', () => recording(record, note, take, signal), 'main');
  const play = button('Play', () => view.player.play(), 'plain', { disabled: true });
  const zone = h('div.drop', h('p.row', record,
    chooser('Choose a sound', 'audio/*', take), play), h('p.note', 'or drop a WAV, FLAC, Ogg Vorbis or MP3 file here'), note, canvas);
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
  const highest = sound.sampleRate / 2;
  pen.fillStyle = '#0d1320';
  pen.fillRect(0, 0, WIDE, canvas.height);
  waveform(pen, samples);
  pen.drawImage(spectrogram(samples), 0, WAVE, WIDE, HIGH);
  if (map) overlay(pen, map, WIDE / sound.duration, highest);
  pen.fillStyle = '#c9d4e5';
  pen.font = '12px system-ui, sans-serif';
  pen.fillText('0 s', 4, WAVE + HIGH + 14);
  pen.fillText(`${round(sound.duration)} s`, WIDE - 44, WAVE + HIGH + 14);
  pen.fillText(`${round(highest / 1000, 0)} kHz`, 4, WAVE + 13);
}

function waveform(pen, samples) {
  const step = samples.length / WIDE;
  const heights = Array.from({ length: WIDE }, (_, x) => samples.slice(x * step, (x + 1) * step + 1).reduce((most, value) => Math.max(most, Math.abs(value)), 0));
  const most = Math.max(...heights, 1e-4);
  pen.fillStyle = '#5ad1c8';
  heights.forEach((height, x) => {
    const tall = 1 + height / most * (WAVE - 12);
    pen.fillRect(x, (WAVE - tall) / 2, 1, tall);
  });
}

/** Return the spectrogram as a small canvas, the highest frequency at the top, over seven units of log power. */
function spectrogram(samples) {
  const columns = Math.max(1, Math.min(300, Math.floor((samples.length - WINDOW) / 64)));
  const rows = WINDOW / 2, step = Math.max(0, samples.length - WINDOW) / columns;
  const levels = Array.from({ length: columns }, (_, column) => spectrum(samples, Math.floor(column * step)));
  const most = Math.max(...levels.map((column) => Math.max(...column)));
  return pixels(columns, rows, (x, y) => {
    const share = Math.max(0, 1 + (levels[x][rows - 1 - y] - most) / 7);
    return [20 + 100 * share ** 2, 25 + 200 * share, 50 + 150 * share ** 0.7, 255];
  });
}

const WAVES = Array.from({ length: WINDOW }, (_, i) => Math.cos(2 * Math.PI * i / WINDOW));

/** Return the logarithm of the power of each frequency under a Hann window. */
function spectrum(samples, start) {
  const seen = WAVES.map((wave, i) => (samples[start + i] || 0) * (1 - wave));
  return Array.from({ length: WINDOW / 2 }, (_, k) => {
    let re = 1e-5, im = 0;
    for (let i = 0; i < WINDOW; i++) {
      re += seen[i] * WAVES[i * k % WINDOW];
      im += seen[i] * WAVES[(i * k + WINDOW / 4) % WINDOW];
    }
    return Math.log(re * re + im * im);
  });
}

/** Draw the map where its seconds and frequencies are, and shade what was not heard. */
function overlay(pen, { weights, seconds, hertz }, scale, highest) {
  const colours = heat(weights, 0.85);
  const bands = hertz || Array.from({ length: weights.length + 1 }, (_, i) => highest * i / weights.length);
  const y = (frequency) => WAVE + HIGH * (1 - Math.min(1, frequency / highest));
  const [left, right] = [seconds[0] * scale, seconds.at(-1) * scale];
  weights.forEach((band, i) => pen.drawImage(colours, 0, i, band.length, 1, left, y(bands[i + 1]), right - left, y(bands[i]) - y(bands[i + 1])));
  pen.fillStyle = '#0009';
  pen.fillRect(0, 0, left, WAVE + HIGH);
  pen.fillRect(right, 0, WIDE, WAVE + HIGH);
}

/** Record until the button is pressed again, five seconds at most. */
async function recording(record, note, take, signal) {
  if (record.stop) return record.stop();
  const stream = await device({ audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false } }, note);
  if (!stream) return null;
  const context = new AudioContext();
  await context.audioWorklet.addModule('page/recorder.js');
  const node = new AudioWorkletNode(context, 'recorder', { numberOfOutputs: 0 });
  const pieces = [];
  node.port.onmessage = ({ data }) => pieces.push(...data);
  context.createMediaStreamSource(stream).connect(node);
  record.textContent = 'Stop';
  note.textContent = 'Recording. It stops by itself after five seconds.';
  const timer = setTimeout(() => record.stop?.(), 5000);
  signal.addEventListener('abort', () => record.stop?.());
  record.stop = () => {
    clearTimeout(timer);
    record.stop = null;
    record.textContent = 'Record';
    stream.getTracks().forEach((track) => track.stop());
    context.close();
    if (!signal.aborted && pieces.length) take(new File([wav(pieces, context.sampleRate)], 'recording.wav', { type: 'audio/wav' }));
  };
  return null;
}

/** Return a WAV file of 16-bit PCM, one channel. */
function wav(samples, rate) {
  const size = 2 * samples.length;
  const head = new DataView(new ArrayBuffer(44));
  [[0, 'RIFF'], [8, 'WAVEfmt '], [36, 'data']].forEach(([place, name]) => [...name].forEach((letter, i) => head.setUint8(place + i, letter.charCodeAt())));
  [[4, 36 + size], [16, 16], [24, rate], [28, 2 * rate], [40, size]].forEach(([place, value]) => head.setUint32(place, value, true));
  [[20, 1], [22, 1], [32, 2], [34, 16]].forEach(([place, value]) => head.setUint16(place, value, true));
  return new Blob([head, Int16Array.from(samples, (value) => 32767 * Math.max(-1, Math.min(1, value)))]);
}
