// The audit log: JSON Lines in a file.

import { open } from "node:fs/promises";

import { Refusal } from "./refusal.js";

export class AuditLog {
  #file;
  #waiting = [];
  #isWriting = false;
  #needsFlush = false;

  static async open(path) {
    const log = new AuditLog();
    log.#file = await open(path, "a");
    // Refusals are not waited for; they reach the disk within a second.
    setInterval(() => log.#needsFlush && log.#write(), 1_000).unref();
    return log;
  }

  // Returns when the entry is written, and flushed to disk if it is durable.
  append(entry, isDurable) {
    const line = `${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, isDurable, resolve, reject });
      this.#write();
    });
  }

  // While the disk flushes, the entries of other calls gather for the next flush.
  async #write() {
    if (this.#isWriting) return;
    this.#isWriting = true;
    do {
      const batch = this.#waiting;
      this.#waiting = [];
      const durable = batch.filter((entry) => entry.isDurable);
      try {
        if (batch.length > 0) await this.#file.appendFile(batch.map((entry) => entry.line).join(""));
        for (const entry of batch) if (!entry.isDurable) entry.resolve();
        this.#needsFlush = durable.length === 0 && batch.length > 0;
        if (!this.#needsFlush) await this.#file.datasync();
        for (const entry of durable) entry.resolve();
      } catch (error) {
        for (const entry of batch) entry.reject(new Refusal("AUDIT_UNAVAILABLE", error));
      }
    } while (this.#waiting.length > 0);
    this.#isWriting = false;
  }
}
