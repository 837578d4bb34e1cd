package waakg

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
)

// form is a form of errors.
type form int

const (
	formUsual      form = iota // status, message and error
	formError                  // error alone
	formMessage                // status and message
	formDetails                // error, and details with the reason
	formUsualMore              // status, message and error, and details with the reason
	formReason                 // status and message, and error with the reason
	formValidation             // of bad fields: error is an object with the fields; else as formUsual
)

// family has the properties of errors that rows share.
type family struct {
	form      form
	admin     bool   // 403 of WhatsApp means that the account is no admin of the group
	forbidden string // text of 403 for callers without access to the session
	missing   string // text of 404 for other things than the session; empty = the method's own
	// offline is the text of calls to a session that is not connected, offlineStatus their status.
	offline       string
	offlineStatus int
	// absent is the form of the 404 of sessions.
	absent form
}

// Families of rows by their errors; rows without one have those of "".
const (
	familyError    = "error"
	familyGroup    = "group"
	familyMetadata = "metadata"
	familyNewGroup = "new group"
	familyMedia    = "media"
	familyProfile  = "profile"
	familyLabel    = "label"
	familyAnyLabel = "label of any session"
	familyWebhook  = "webhook"
	familyHook     = "webhook of any session"
	familyCreate   = "creation of webhooks"
	familyMessage  = "message"
	familyEdit     = "edit"
	familySend     = "send"
	familyFile     = "file"
	familyHistory  = "history"
	familyDelete   = "deletion of sessions"
	familyAction   = "action"
	familyStatus   = "status"
	familyRule     = "auto-reply"
	familyAccess   = "access"
)

const noAccess = "Forbidden - Cannot access this session"

var families = map[string]family{
	"":             {},
	familyError:    {form: formError},
	familyGroup:    {admin: true},
	familyMetadata: {missing: "Failed to fetch group metadata. Ensure the bot is in the group."},
	familyNewGroup: {form: formValidation},
	familyMedia:    {forbidden: noAccess + "'s media", missing: "File not found"},
	familyProfile:  {form: formMessage, forbidden: "Forbidden", offline: "WhatsApp instance not connected"},
	familyLabel:    {missing: "Label not found"},
	familyAnyLabel: {forbidden: "Forbidden - Cannot access this label", missing: "Label not found"},
	familyWebhook:  {missing: "Webhook not found"},
	familyHook:     {form: formError, missing: "Webhook not found"},
	familyCreate:   {form: formUsualMore},
	familyMessage:  {missing: "Message not found"},
	familyEdit:     {form: formReason},
	familySend:     {offline: "WhatsApp session is disconnected or not found", offlineStatus: http.StatusInternalServerError},
	familyFile:     {offline: "Failed to send media", offlineStatus: http.StatusInternalServerError},
	familyHistory:  {absent: formError},
	familyDelete:   {forbidden: "Forbidden - Cannot delete this session"},
	familyAction:   {form: formError},
	familyStatus:   {form: formDetails},
	familyRule:     {missing: "Rule not found"},
	familyAccess:   {form: formMessage, forbidden: onlyOwner},
}

func familyOf(route *rest.Route) family {
	var fam family
	if route != nil {
		fam = families[route.Family()]
	}
	fam.forbidden, fam.offline = cmp.Or(fam.forbidden, noAccess), cmp.Or(fam.offline, "Session not ready")
	return fam
}

// formsOfTexts are the forms of errors that differ from those of their family.
var formsOfTexts = map[string]form{
	badMemberAction: formError, badPresence: formError, badSetting: formError, alreadyConnected: formError, noQRCode: formError, noPhoneNumber: formMessage,
}

type failure struct {
	Status  *bool  `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   any    `json:"error,omitempty"`
	Details string `json:"details,omitempty"`
	// Connected and QR are those of a request for a code of a session that has none.
	Connected bool             `json:"connected,omitempty"`
	QR        *json.RawMessage `json:"qr,omitempty"`
	// Fields and Reason are extensions: details that the texts of the document lack.
	Fields []rest.BadField `json:"fields,omitempty"`
	Reason string          `json:"reason,omitempty"`
}

// validation is the error of bad fields in formValidation.
type validation struct {
	Form   []string            `json:"formErrors"`
	Fields map[string][]string `json:"fieldErrors"`
}

// failReply returns the reply to an error. Requests without a credential have the form error alone, those with an unknown one the usual form.
func failReply(x *rest.Exchange, f *rest.Failure) *rest.Reply {
	fam := familyOf(f.Route)
	status, text := statusAndText(f, fam)
	e := failure{Fields: f.BadFields(), Connected: text == alreadyConnected}
	if text == noQRCode {
		e.QR = new(json.RawMessage("null"))
	}
	reason := f.Reason()
	if len(f.Faults) == 0 && reason != text {
		e.Reason = reason
	}
	switch chosen := fam.formOf(x, f, status, text); chosen {
	case formError, formDetails:
		e.Error = text
		if status == http.StatusUnauthorized {
			e.Reason = ""
		}
		if chosen == formDetails && status == http.StatusInternalServerError {
			e.Details, e.Reason = reason, ""
		}
	case formValidation:
		e.Error = validationOf(f)
	default:
		e.Status, e.Message, e.Error = new(bool), text, text
		switch {
		case chosen == formMessage:
			e.Error = nil
		case chosen == formUsualMore && status == http.StatusInternalServerError:
			e.Details, e.Reason = reason, ""
		case chosen == formReason && status == http.StatusInternalServerError:
			e.Error, e.Reason = reason, ""
		case chosen == formReason && status == http.StatusBadRequest:
			e.Error = "Bad Request"
		}
	}
	return &rest.Reply{Status: status, Body: e}
}

// formOf returns the form of an error.
func (fam *family) formOf(x *rest.Exchange, f *rest.Failure, status int, text string) form {
	own, has := formsOfTexts[text]
	switch {
	case status == http.StatusUnauthorized:
		switch {
		case x.Request.Header.Get("X-Api-Key") == "":
			return formError
		case fam.form == formMessage:
			return formMessage
		}
		return formUsual
	case has:
		return own
	case status == http.StatusNotFound && fam.absent != 0:
		return fam.absent
	case fam.form == formValidation && len(f.Faults) == 0:
		return formUsual
	case fam.form == formDetails && status != http.StatusInternalServerError:
		return formUsual
	case f.Route != nil && f.Route.Family() == familyAction && status != http.StatusInternalServerError:
		return formUsual
	}
	return fam.form
}

func validationOf(f *rest.Failure) validation {
	v := validation{Form: []string{}, Fields: map[string][]string{}}
	for _, fault := range f.Faults {
		if fault.Field == "" {
			v.Form = append(v.Form, fault.Problem)
			continue
		}
		name, _, _ := strings.Cut(fault.Field, "[")
		v.Fields[name] = append(v.Fields[name], cmp.Or(fault.Text, fault.Field+" "+fault.Problem))
	}
	return v
}

// Messages of methods about sessions: one that does not exist, and one that the caller may not use.
const (
	noSession = "there is no such session"
	noReach   = "the credential does not reach this session"
)

func statusAndText(f *rest.Failure, fam family) (status int, text string) {
	status, failed := f.Status(), ""
	if f.Route != nil {
		failed = f.Route.FailText()
	}
	switch {
	case f.Text != "":
		return status, f.Text
	case len(f.Faults) > 0 && f.Faults[0].Text != "":
		return status, f.Faults[0].Text
	case f.Err == nil:
		return status, f.Error()
	case f.BadRequest():
		return status, f.Err.Message
	case f.Err.Code == rpc.CodeUnauthenticated:
		return status, "Unauthorized"
	case f.Err.Code == rpc.CodeForbidden && f.Err.Message == noReach:
		return status, fam.forbidden
	case f.Err.Code == rpc.CodeForbidden && fam.admin:
		return status, strings.Replace(failed, "Failed to", "Bot must be admin to", 1)
	case f.Err.Code == rpc.CodeForbidden && fam.missing != "" && f.Route.Family() == familyMetadata:
		return http.StatusNotFound, fam.missing
	case f.Err.Code == rpc.CodeSessionNotConnected:
		return cmp.Or(fam.offlineStatus, status), fam.offline
	case f.Err.Code == rpc.CodeNotFound && f.Err.Message == noSession:
		if f.Route != nil && f.Route.Family() == familyAction {
			return http.StatusInternalServerError, "Failed to Session not found"
		}
		return status, "Session not found"
	case f.Err.Code == rpc.CodeNotFound:
		return status, cmp.Or(fam.missing, f.Err.Message)
	case status == http.StatusTooManyRequests || status == http.StatusRequestEntityTooLarge || status == http.StatusForbidden || failed == "":
		return status, f.Err.Message
	case status == http.StatusServiceUnavailable:
		return status, fam.offline
	}
	return http.StatusInternalServerError, failed
}
