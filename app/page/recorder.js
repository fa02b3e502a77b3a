// Runs beside the page, in the thread of the sound: passes the samples on as they come.

registerProcessor('recorder', class extends AudioWorkletProcessor {
  process([[samples]]) {
    if (samples) this.port.postMessage(samples.slice());
    return true;
  }
});
