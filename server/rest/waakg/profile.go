package waakg

import (
	"cmp"

	"github.com/waystation/waystation/server/rest"
)

func profileRoutes() []rest.Route {
	of := func(says string, more ...rest.Option) []rest.Option {
		return append(more, rest.Family(familyProfile), rest.Says(says))
	}
	return []rest.Route{
		rest.Pass[sessionRequest, lifted[profile]]("GET", "/profile/{sessionId}", "profile.get", of("")...),
		rest.Pass[nameRequest, outcome]("PUT", "/profile/{sessionId}/name", "profile.setName", of("Profile name updated")...),
		rest.Pass[aboutRequest, outcome]("PUT", "/profile/{sessionId}/status", "profile.setAbout", of("Profile status updated")...),
		rest.Pass[profilePictureRequest, outcome]("PUT", "/profile/{sessionId}/picture", "profile.setPicture", of("Profile picture updated")...),
		rest.Pass[sessionRequest, outcome]("DELETE", "/profile/{sessionId}/picture", "profile.removePicture", of("Profile picture removed", rest.IgnoresBody())...),
	}
}

type profile struct {
	JID      string  `json:"jid" from:"/jid"`
	Name     string  `json:"name" from:"/push_name"`
	PushName string  `json:"pushname" from:"/push_name"`
	Status   string  `json:"status" from:"/about"`
	Picture  string  `json:"pictureUrl" from:"/picture_url"`
	Business *string `json:"-" from:"/business_name"`
}

// FinishAnswer implements rest.Finisher.
func (p *profile) FinishAnswer() error {
	p.Name = cmp.Or(rest.Deref(p.Business), p.Name)
	return nil
}

type nameRequest struct {
	sessionRequest
	Name string `rest:"name,required,param=/name" missing:"Name is required" doc:"at most 25 characters"`
}

type aboutRequest struct {
	sessionRequest
	Status *string `rest:"status,required,param=/about" missing:"Status text is required" doc:"at most 139 characters; empty removes it"`
}

type profilePictureRequest struct {
	sessionRequest
	File rest.File `rest:"file,required,param=/media" also:"image" missing:"Image is required" doc:"picture"`
}
