package shared

// NewsletterList has newsletters in WhatsApp's own form, in which many numbers are texts.
type NewsletterList struct {
	Newsletter []rawNewsletter `from:"/newsletters"`
}

type rawNewsletter struct {
	ID    string `json:"id" from:"/newsletter"`
	State struct {
		Type string `json:"type" from:"/state"`
	} `json:"state" from:"/"`
	Thread struct {
		Created     secondsText `json:"creation_time" from:"/created_at"`
		Description struct {
			ID   string     `json:"id" from:"/description_id"`
			Text string     `json:"text" from:"/description"`
			At   microsText `json:"update_time" from:"/description_set_at"`
		} `json:"description" from:"/"`
		Invite string `json:"invite" from:"/invite_code"`
		Name   struct {
			ID   string     `json:"id" from:"/name_id"`
			Text string     `json:"text" from:"/name"`
			At   microsText `json:"update_time" from:"/name_set_at"`
		} `json:"name" from:"/"`
		Subscribers  int              `json:"subscribers_count,string" from:"/subscriber_count"`
		Verification verificationText `json:"verification" from:"/verified"`
	} `json:"thread_metadata" from:"/"`
	Viewer struct {
		Mute muteText `json:"mute" from:"/muted"`
		Role string   `json:"role" from:"/role"`
	} `json:"viewer_metadata" from:"/"`
}

// verificationText and muteText are flags of results in WhatsApp's words.
type (
	verificationText string
	muteText         string
)

// UnmarshalJSON reads a flag.
func (v *verificationText) UnmarshalJSON(raw []byte) error {
	*v = "unverified"
	if string(raw) == "true" {
		*v = "verified"
	}
	return nil
}

// UnmarshalJSON reads a flag.
func (m *muteText) UnmarshalJSON(raw []byte) error {
	*m = "off"
	if string(raw) == "true" {
		*m = "on"
	}
	return nil
}
