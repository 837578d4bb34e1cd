package sqs

import "testing"

func TestSlashBehindAQueueURL(t *testing.T) {
	for queue, want := range map[string]string{
		"https://sqs.example/1/events/":    "https://sqs.example/1/events",
		"https://sqs.example/1/events//":   "https://sqs.example/1/events",
		"https://sqs.example/1/{session}/": "https://sqs.example/1/{session}",
		"https://sqs.example/1/events":     "https://sqs.example/1/events",
		"events":                           "events",
	} {
		if got := (Config{Queue: queue}).withDefaults().Queue; got != want {
			t.Errorf("%s: %s", queue, got)
		}
	}
}
