package inbound

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/waystation/waystation/bridge/wa"
)

// rawHolder is event data with a part that may be omitted when the data is too large.
type rawHolder interface {
	DropRaw()
}

// encode encodes data within the limit. It removes the raw part first; if the data is still too large, it shortens
// texts and marks the event as truncated.
func (t *Translation) encode(data any) (json.RawMessage, error) {
	limit := t.service.shared.DataLimit
	raw, err := wa.MarshalData(data)
	if err != nil || len(raw) <= limit {
		return raw, err
	}
	if holder, ok := data.(rawHolder); ok {
		holder.DropRaw()
		if raw, err = wa.MarshalData(data); err != nil || len(raw) <= limit {
			return raw, err
		}
	}
	if f, ok := data.(fields); ok {
		for _, key := range []string{"raw", "value", "group_info"} {
			if f[key] == nil {
				continue
			}
			f[key], f[key+"_truncated"] = nil, true
			if raw, err = wa.MarshalData(f); err != nil || len(raw) <= limit {
				return raw, err
			}
		}
	}
	return shorten(raw, limit)
}

// shorten cuts the long texts and lists of an object so that its JSON fits the limit. It searches the greatest length
// of a text, in bytes, that fits; shorter texts stay whole.
func shorten(raw json.RawMessage, limit int) (json.RawMessage, error) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, err
	}
	object["truncated"] = true
	var fitting json.RawMessage
	low, high := 0, limit // the greatest length known to fit, the least known not to fit
	for low+1 < high {
		keep := (low + high) / 2
		out, err := json.Marshal(cutTexts(object, keep))
		if err != nil {
			return nil, err
		}
		if len(out) <= limit {
			low, fitting = keep, out
		} else {
			high = keep
		}
	}
	if fitting == nil {
		return json.Marshal(fields{"truncated": true})
	}
	return fitting, nil
}

// cutTexts returns a copy of a value whose texts have at most keep bytes, cut between characters, and whose lists have
// at most keep members.
func cutTexts(value any, keep int) any {
	switch v := value.(type) {
	case string:
		if len(v) > keep {
			for keep > 0 && !utf8.RuneStart(v[keep]) {
				keep--
			}
			return v[:keep]
		}
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[key] = cutTexts(inner, keep)
		}
		return out
	case []any:
		out := make([]any, min(len(v), keep))
		for i := range out {
			out[i] = cutTexts(v[i], keep)
		}
		return out
	}
	return value
}
