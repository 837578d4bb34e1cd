package waakg

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/waystation/waystation/server/rest"
)

func serverRoutes() []rest.Route {
	return []rest.Route{
		rest.Pass[rest.None, lifted[systemSettings]]("GET", "/settings/system", "server.getSettings", rest.Says("System config fetched"), rest.FailText("Failed to fetch settings")),
		rest.Pass[settingsRequest, lifted[changedSettings]]("POST", "/settings/system", "server.updateSettings", rest.Says("System settings updated"),
			rest.FailText("Failed to update settings")),
		rest.Pass[rest.None, updateCheck]("POST", "/system/check-updates", "server.checkForUpdates", rest.IgnoresBody(), rest.FailText("Error checking updates")),
		rest.Pass[rest.None, apiDescription]("GET", "/docs", "server.getApiDescription", rest.With(rest.Params{"api": Name})),
		rest.Pass[rest.None, []noticeShown]("GET", "/notifications", "notification.list", rest.From("/notifications"), rest.FailText("Error fetching notifications")),
		rest.Pass[noticeRequest, noticeCount]("POST", "/notifications", "notification.create", rest.FailText("Error creating notification")),
		rest.Pass[noticesRead, outcome]("PATCH", "/notifications/read", "notification.markRead", rest.Says("Notifications marked as read"), rest.FailText("Error updating notifications")),
		rest.Pass[noticeID, outcome]("DELETE", "/notifications/delete", "notification.delete", rest.IgnoresBody(), rest.Says("Notification deleted"), rest.FailText("Error deleting notification")),
	}
}

// systemSettings has the id that the document's only row of settings has.
type systemSettings struct {
	ID           string     `json:"id" from:"=default"`
	Name         string     `json:"appName" from:"/app_name"`
	Logo         *string    `json:"logoUrl" from:"/logo_url"`
	Favicon      *string    `json:"faviconUrl" from:"/favicon_url"`
	Timezone     string     `json:"timezone" from:"/timezone"`
	Registration bool       `json:"enableRegistration" from:"/registration_enabled"`
	Updated      *time.Time `json:"updatedAt" from:"/updated_at"`
}

// changedSettings is systemSettings as part of the answer to a change.
type changedSettings struct {
	ID           string     `json:"id" from:"=default"`
	Name         string     `json:"appName" from:"/settings/app_name"`
	Logo         *string    `json:"logoUrl" from:"/settings/logo_url"`
	Favicon      *string    `json:"faviconUrl" from:"/settings/favicon_url"`
	Timezone     string     `json:"timezone" from:"/settings/timezone"`
	Registration bool       `json:"enableRegistration" from:"/settings/registration_enabled"`
	Updated      *time.Time `json:"updatedAt" from:"/settings/updated_at"`
}

// settingsRequest changes what it contains: a flag that is absent stays as it is, which the document leaves open.
type settingsRequest struct {
	Name         *string `rest:"appName,param=/app_name" doc:"1 to 100 characters"`
	Logo         *string `rest:"logoUrl,param=/logo_url" doc:"address of the logo; empty = the default one"`
	Favicon      *string `rest:"faviconUrl,param=/favicon_url" doc:"address of the icon; empty = the default one"`
	Timezone     *string `rest:"timezone,param=/timezone" doc:"IANA time zone"`
	Registration *bool   `rest:"enableRegistration,param=/registration_enabled" doc:"everybody may register"`
}

type updateCheck struct {
	outcome
	Version string `json:"version" from:"/latest_version"`
	Data    struct {
		Version string `json:"version" from:"/latest_version"`
	} `json:"data" from:"/"`
	Available bool `json:"-" from:"/update_available"`
	Notified  bool `json:"-" from:"/notified"`
}

// FinishAnswer implements rest.Finisher.
func (c *updateCheck) FinishAnswer() error {
	switch {
	case c.Notified:
		c.Message = "Notification sent"
	case c.Available:
		c.Message = "Already up to date (notification exists)"
	default:
		c.Message = "Already up to date"
	}
	return nil
}

// apiDescription is the OpenAPI document itself.
type apiDescription struct {
	Document json.RawMessage `json:"-" from:"/document"`
}

// ToReply implements rest.Replier.
func (d *apiDescription) ToReply() (*rest.Reply, error) {
	return &rest.Reply{ContentType: "application/json", Body: []byte(d.Document)}, nil
}

// noticeShown is an item of a bare list, as the document shows it.
type noticeShown struct {
	ID      string    `json:"id" from:"/notification_id"`
	Account *string   `json:"userId" from:"/account_id" doc:"null = for those with the admin token"`
	Title   string    `json:"title" from:"/title"`
	Message string    `json:"message" from:"/message"`
	Type    upperWord `json:"type" from:"/level" doc:"INFO, SUCCESS, WARNING or ERROR"`
	Link    *string   `json:"href" from:"/link"`
	Read    bool      `json:"read" from:"/read"`
	Created time.Time `json:"createdAt" from:"/created_at"`
}

// upperWord is a word in capitals in the dialect and in small letters in methods.
type upperWord string

// ToParam implements rest.Converter.
func (w upperWord) ToParam(string) (any, error) { return strings.ToLower(string(w)), nil }

// UnmarshalJSON converts the word of a method.
func (w *upperWord) UnmarshalJSON(raw []byte) error {
	var word string
	err := json.Unmarshal(raw, &word)
	*w = upperWord(strings.ToUpper(word))
	return err
}

const noRecipient = "Provide targetUserId or broadcast=true"

type noticeRequest struct {
	Title    string    `rest:"title,required,param=/title"`
	Message  string    `rest:"message,required,param=/message"`
	Type     upperWord `rest:"type,param=/level" doc:"INFO, SUCCESS, WARNING or ERROR; default INFO"`
	Link     *string   `rest:"href,param=/link" doc:"address to open"`
	Account  *string   `rest:"targetUserId,param=/account_id" doc:"recipient; ignored with broadcast"`
	Everyone bool      `rest:"broadcast,param=/everyone" doc:"for all accounts"`
}

// CompleteParams implements rest.Completer.
func (r *noticeRequest) CompleteParams(p rest.Params) error {
	if r.Account == nil && !r.Everyone {
		return rest.Bad("targetUserId", noRecipient, "is needed unless broadcast is true")
	}
	return nil
}

type noticeCount struct {
	outcome
	Count int `json:"count" from:"/count"`
	Data  struct {
		Count int `json:"count" from:"/count"`
	} `json:"data" from:"/"`
	Everyone bool `json:"-" from:"<broadcast"`
}

// FinishAnswer implements rest.Finisher.
func (c *noticeCount) FinishAnswer() error {
	c.Message = "Notification sent successfully"
	if c.Everyone {
		c.Message = "Notifications broadcasted successfully"
	}
	return nil
}

// noticesRead marks all notices without ids, also with an empty list.
type noticesRead struct {
	IDs []string `rest:"ids,param=/notification_ids" doc:"ids; absent or empty = all"`
}

// CompleteParams implements rest.Completer.
func (r *noticesRead) CompleteParams(p rest.Params) error {
	if len(r.IDs) == 0 {
		delete(p, "notification_ids")
	}
	return nil
}

type noticeID struct {
	ID string `rest:"id,query,required,param=/notification_id" missing:"Notification ID required" doc:"id of the notification"`
}
