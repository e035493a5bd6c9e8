package main

import (
	"bytes"
	"encoding/json"
	"os"
	"syscall"
	"time"
)

// Entry is one line of the audit log.
type Entry struct {
	Time            time.Time `json:"time"`
	Event           string    `json:"event"`
	RequestID       string    `json:"request_id"`
	RPC             string    `json:"rpc"`
	Subject         string    `json:"subject,omitempty"`
	Tenant          string    `json:"tenant,omitempty"`
	Role            string    `json:"role,omitempty"`
	Customer        string    `json:"customer,omitempty"`
	Flow            string    `json:"flow,omitempty"`
	Session         string    `json:"session,omitempty"`
	StripeRequestID string    `json:"stripe_request_id,omitempty"`
	Reason          string    `json:"reason,omitempty"`
	Released        *bool     `json:"released,omitempty"`
	DurationMS      *int64    `json:"duration_ms,omitempty"`
}

// AuditLog is JSON Lines in a file. One goroutine writes them.
type AuditLog struct {
	file    *os.File
	entries chan waiting
}

type waiting struct {
	line      []byte
	isDurable bool
	written   chan error
}

// The maximum number of entries that share a flush.
const maxBatch = 256

func openAuditLog(path string) *AuditLog {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		fail("AUDIT_FILE: %v", err)
	}
	log := &AuditLog{file: file, entries: make(chan waiting, maxBatch)}
	go log.write()
	return log
}

// append returns when the entry is written, and flushed to disk if it is durable.
func (l *AuditLog) append(entry *Entry, isDurable bool) error {
	entry.Time = time.Now().UTC()
	line, err := json.Marshal(entry)
	if err == nil {
		written := make(chan error, 1)
		l.entries <- waiting{append(line, '\n'), isDurable, written}
		err = <-written
	}
	if err != nil {
		return refuse("AUDIT_UNAVAILABLE", err.Error())
	}
	return nil
}

// While the disk flushes, the entries of other calls gather for the next flush.
func (l *AuditLog) write() {
	var lines bytes.Buffer
	var batch []waiting
	needsFlush := false
	flush := time.Tick(time.Second)
	for {
		select {
		case first := <-l.entries:
			batch = append(batch[:0], first)
		case <-flush:
			// Refusals are not waited for; they reach the disk within a second.
			if needsFlush {
				needsFlush = syscall.Fdatasync(int(l.file.Fd())) != nil
			}
			continue
		}
		for len(l.entries) > 0 && len(batch) < maxBatch {
			batch = append(batch, <-l.entries)
		}
		lines.Reset()
		isDurable := false
		for _, entry := range batch {
			lines.Write(entry.line)
			isDurable = isDurable || entry.isDurable
		}
		_, err := l.file.Write(lines.Bytes())
		for _, entry := range batch {
			if !entry.isDurable {
				entry.written <- err
			}
		}
		if needsFlush = !isDurable; isDurable && err == nil {
			err = syscall.Fdatasync(int(l.file.Fd()))
		}
		for _, entry := range batch {
			if entry.isDurable {
				entry.written <- err
			}
		}
	}
}
