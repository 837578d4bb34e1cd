package digigo

import (
	"cmp"

	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/server/rest"
	"github.com/waystation/waystation/server/rest/shared"
)

func profileRoutes() []rest.Route {
	own, picture := rest.Family(familyProfile), rest.Family(familyText)
	return []rest.Route{
		rest.Pass[rest.None, aboutShown]("GET", "/user/status", "profile.get", own),
		rest.Pass[aboutRequest, aboutSet]("POST", "/user/status", "profile.setAbout", own, rest.NeedsBody(), rest.BodyText("could not decode payload"), rest.Says("Status updated successfully")),
		rest.Pass[nameRequest, nameSet]("POST", "/user/pushname", "profile.setName", own, rest.NeedsBody(), rest.Says("Push name updated successfully")),
		rest.Pass[pictureRequest, pictureSet]("POST", "/user/photo", "profile.setPicture", picture, rest.NeedsBody(), rest.TakesFiles(), rest.Says("Profile photo set successfully")),
		rest.Pass[rest.None, done]("POST", "/user/photo/remove", "profile.removePicture", picture, rest.IgnoresBody(), rest.Says("Profile photo removed successfully")),
		rest.Pass[presenceRequest, done]("POST", "/user/presence", "presence.setAvailability", rest.NeedsBody(), rest.Says("Presence set successfuly")), //nolint:misspell // as documented
		rest.Pass[identityRequest, identitySet]("POST", "/user/update", "session.get session.update", rest.Family(familyUpdate), rest.NeedsBody(), rest.Adjust(checkChanges), rest.OnError(tokenInUse),
			rest.Says("Profile updated successfully"), rest.FailText("Failed to update profile: database error")),
	}
}

// changed is the answer to a change, which repeats the success inside the envelope.
type changed struct {
	Success bool   `json:"success" from:"=true"`
	Message string `json:"message" from:"="`
}

type aboutShown struct {
	Status string `json:"status" from:"/about"`
}

type aboutRequest struct {
	Status *string `rest:"status,required,param=/about" doc:"the about text; empty removes it"`
}

type aboutSet struct {
	changed
	Status string `json:"status" from:"/about"`
}

type nameRequest struct {
	Name string `rest:"push_name,required,param=/name" bad:"push name cannot be empty"`
}

type nameSet struct {
	changed
	Name string `json:"push_name" from:"/name"`
}

type pictureRequest struct {
	Image rest.File `rest:"Image,required,param=/media" bad:"missing Image in Payload" doc:"JPEG, as data URL or http(s) address"`
}

type pictureSet struct {
	Details   string `from:"="`
	PictureID string `from:"/picture_id"`
}

type presenceRequest struct {
	Type shared.Availability `rest:"type,required,param=/available" bad:"Invalid presence type. Allowed values: 'available', 'unavailable'" enum:"available|unavailable"`
}

type identityRequest struct {
	Name  *string `rest:"name,param=/name" bad:"Name cannot be empty" doc:"1 to 255 characters"`
	Token *string `rest:"token,param=/token" bad:"Token must be at least 8 characters" doc:"8 to 255 characters; the old one ends at once"`
}

const noChanges = "No changes detected"

// CompleteParams implements rest.Completer.
func (in *identityRequest) CompleteParams(p rest.Params) error {
	switch {
	case len(p) == 0:
		return rest.Missing("name", noChanges)
	case in.Name != nil && *in.Name == "":
		return rest.Bad("name", "Name cannot be empty", "must not be empty")
	}
	return nil
}

// checkChanges refuses a request that changes nothing.
func checkChanges(x *rest.Exchange, p rest.Params) error {
	var now struct {
		Session struct{ Name string }
	}
	if err := x.Call("session.get", nil, &now); err != nil {
		return err
	}
	if p["token"] == nil && p["name"] == now.Session.Name {
		return rest.Bad("name", noChanges, "is the present one")
	}
	return nil
}

func tokenInUse(err error) error {
	if has(err, rpc.CodeConflict) {
		return &rest.Failure{Err: rpc.Conflict("the token is in use"), Text: "Token already in use"}
	}
	return err
}

type identitySet struct {
	ID      string `json:"id" from:"/session/session_id"`
	Name    string `json:"name" from:"/session/name"`
	Token   string `json:"token" from:"/token" doc:"*** unless it was changed"`
	Message string `json:"message" from:"="`
}

// FinishAnswer implements rest.Finisher.
func (a *identitySet) FinishAnswer() error {
	a.Token = cmp.Or(a.Token, maskedToken)
	return nil
}

// maskedToken stands for tokens, of which the server has hashes alone.
const maskedToken = "***"
