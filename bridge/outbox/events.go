package outbox

import (
	"maps"

	"github.com/waystation/waystation/bridge/wa"
)

// outcomeFields returns the state of an entry for an event; key names the entry.
func (e *Stored) outcomeFields(key string, value any) map[string]any {
	data := map[string]any{key: value, "to": e.To, "outcome": e.State, "message_id": nil, "error": wa.OrNull(e.Error), "error_text": wa.OrNull(e.ErrorText)}
	if e.State == StateSent {
		data["message_id"] = MessageID(e.ID)
	}
	return data
}

// eventFields returns the data of the events of a job.
func (j *Job) eventFields() map[string]any {
	return map[string]any{
		"job_id": j.ID, "kind": j.Kind, "status": j.State, "total": j.Total, "pending": j.Open(),
		"sent": j.Counts[StateSent], "failed": j.Counts[StateFailed], "canceled": j.Counts[StateCanceled],
	}
}

func mergeFields(a, b map[string]any) map[string]any {
	maps.Copy(a, b)
	return a
}
