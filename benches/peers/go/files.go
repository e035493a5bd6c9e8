package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/diegoholiveira/jsonlogic/v3"
)

// Watched is the content of a file, which is read again when the file changes. A content that cannot be used leaves the last
// good one in use.
type Watched[T any] struct {
	path    string
	parse   func([]byte) (T, error)
	content atomic.Pointer[T]
	lock    sync.Mutex
	read    os.FileInfo
}

func watch[T any](path string, parse func([]byte) (T, error)) *Watched[T] {
	file := &Watched[T]{path: path, parse: parse}
	file.content.Store(new(T))
	file.refresh()
	go func() {
		for range time.Tick(250 * time.Millisecond) {
			file.refresh()
		}
	}()
	return file
}

func (w *Watched[T]) get() T { return *w.content.Load() }

func (w *Watched[T]) refresh() {
	w.lock.Lock()
	defer w.lock.Unlock()
	found, err := os.Stat(w.path)
	if err == nil && w.read != nil && os.SameFile(found, w.read) &&
		found.ModTime().Equal(w.read.ModTime()) && found.Size() == w.read.Size() {
		return
	}
	var text []byte
	if err == nil {
		w.read = found
		text, err = os.ReadFile(w.path)
	}
	var content T
	if err == nil {
		content, err = w.parse(text)
	}
	if err != nil {
		slog.Error("file cannot be used", "path", w.path, "cause", err)
		return
	}
	w.content.Store(&content)
}

// Flag is a feature flag in flagd's format: https://flagd.dev/reference/flag-definitions/. The zero value is off.
type Flag struct {
	State          string          `json:"state"`
	Variants       map[string]bool `json:"variants"`
	DefaultVariant string          `json:"defaultVariant"`
	Targeting      map[string]any  `json:"targeting"`
}

func init() {
	text := func(compare func(string, string) bool) func(values, _ any) any {
		return func(values, _ any) any {
			arguments, _ := values.([]any)
			if len(arguments) != 2 {
				return nil
			}
			whole, _ := arguments[0].(string)
			part, _ := arguments[1].(string)
			return compare(whole, part)
		}
	}
	jsonlogic.AddOperator("starts_with", text(strings.HasPrefix))
	jsonlogic.AddOperator("ends_with", text(strings.HasSuffix))
}

// parseFlag fails only if the file is not JSON.
func parseFlag(content []byte) (Flag, error) {
	var file struct {
		Flags map[string]json.RawMessage `json:"flags"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return Flag{}, err
	}
	var flag Flag
	if err := json.Unmarshal(file.Flags["billing-portal"], &flag); err != nil || flag.State != "ENABLED" {
		return Flag{}, nil
	}
	return flag, nil
}

func (f Flag) isOn(tenant string) bool {
	if len(f.Targeting) == 0 {
		return f.Variants[f.DefaultVariant]
	}
	variant, err := jsonlogic.ApplyInterface(f.Targeting, map[string]any{"targetingKey": tenant})
	if err != nil {
		return false
	}
	switch variant := variant.(type) {
	case nil:
		return f.Variants[f.DefaultVariant]
	case string:
		return f.Variants[variant]
	}
	return false
}
