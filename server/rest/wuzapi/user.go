package wuzapi

import (
	"github.com/waystation/waystation/server/rest"
)

func userRoutes() []rest.Route {
	return []rest.Route{
		rest.Row("POST", "/user/info", "contact.getUserInfo", userInfo, rest.NeedsBody(), rest.FailText("Failed to get user info: %s")),
		rest.Row("POST", "/user/check", "contact.checkRegistered", userCheck, rest.NeedsBody(), rest.FailText("Failed to check if users are on WhatsApp: %s")),
		// The document has GET, the real server POST.
		rest.Row("GET", "/user/avatar", "contact.getProfilePicture", avatar, rest.FailText("Failed to get avatar: %s")),
		rest.Row("POST", "/user/avatar", "contact.getProfilePicture", avatar, rest.NeedsBody(), rest.FailText("Failed to get avatar: %s")),
		rest.Row("GET", "/user/contacts", "contact.list", contacts, rest.FailText("Failed to get contacts: %s")),
	}
}

type peopleRequest struct {
	Phone rest.Strings `rest:",required,param=/contacts" bad:"Could not parse Phone" doc:"numbers or JIDs"`
}

type userInfoAnswer struct {
	Users map[string]userDetails `doc:"by JID"`
}

type userDetails struct {
	Devices      []string
	PictureID    string
	Status       string
	VerifiedName *verifiedName
}

type verifiedName struct {
	Certificate certificate
	Details     verifiedDetails
}

type certificate struct {
	Details   []byte `json:"details"`
	Signature []byte `json:"signature"`
}

type verifiedDetails struct {
	Issuer       string `json:"issuer"`
	Serial       uint64 `json:"serial"`
	VerifiedName string `json:"verifiedName"`
}

func userInfo(x *rest.Exchange, in *peopleRequest) (*userInfoAnswer, error) {
	var result struct {
		Users []struct {
			Contact   string
			About     *string
			PictureID *string `json:"picture_id"`
			Devices   []string
			Verified  *struct {
				VerifiedName string `json:"verified_name"`
				Issuer       *string
				Serial       uint64
				Details      []byte
				Signature    []byte
			} `json:"verified_name_details"`
		}
	}
	if err := x.Call("contact.getUserInfo", rest.Params{"contacts": in.Phone}, &result); err != nil {
		return nil, err
	}
	answer := &userInfoAnswer{Users: make(map[string]userDetails, len(result.Users))}
	for _, u := range result.Users {
		shown := userDetails{Devices: u.Devices, PictureID: rest.Deref(u.PictureID), Status: rest.Deref(u.About)}
		if shown.Devices == nil {
			shown.Devices = []string{}
		}
		if v := u.Verified; v != nil {
			shown.VerifiedName = &verifiedName{certificate{bytesOf(v.Details), bytesOf(v.Signature)}, verifiedDetails{rest.Deref(v.Issuer), v.Serial, v.VerifiedName}}
		}
		answer.Users[u.Contact] = shown
	}
	return answer, nil
}

// bytesOf is never nil, which JSON would show as null.
func bytesOf(b []byte) []byte { return append([]byte{}, b...) }

type numbersRequest struct {
	Phone rest.Strings `rest:",required,param=/numbers" bad:"Could not parse Phone" doc:"international numbers"`
}

type userCheckAnswer struct {
	Users []registration
}

type registration struct {
	IsInWhatsapp bool
	JID          string // of strangers too; empty for what is no number
	Query        string
	VerifiedName string
	// Error is ours: why a number could not be checked, which the others are all the same.
	Error string `json:",omitempty"`
}

func userCheck(x *rest.Exchange, in *numbersRequest) (*userCheckAnswer, error) {
	var result struct {
		Results []struct {
			Number       string
			Registered   bool
			Contact      *string
			VerifiedName *string `json:"verified_name"`
			PhoneNumber  *string `json:"phone_number"`
			Error        *string
		}
	}
	if err := x.Call("contact.checkRegistered", rest.Params{"numbers": in.Phone}, &result); err != nil {
		return nil, err
	}
	answer := &userCheckAnswer{Users: make([]registration, 0, len(result.Results))}
	for _, r := range result.Results {
		jid := rest.Deref(r.Contact)
		if jid == "" && r.PhoneNumber != nil {
			jid = *r.PhoneNumber + "@s.whatsapp.net" // the document names it for strangers, too
		}
		answer.Users = append(answer.Users, registration{r.Registered, jid, r.Number, rest.Deref(r.VerifiedName), rest.Deref(r.Error)})
	}
	return answer, nil
}

type avatarRequest struct {
	Phone   string `rest:",required,param=/contact" bad:"Could not parse Phone" doc:"number or JID"`
	Preview bool   `doc:"thumbnail instead of the full picture"`
}

// picture has the document's keys, and those of the real server.
type picture struct {
	URL        string
	ID         string
	Type       string
	DirectPath string
}

type servedPicture struct {
	picture
	ServedURL        string `json:"url"`
	ServedID         string `json:"id"`
	ServedType       string `json:"type"`
	ServedDirectPath string `json:"direct_path"`
}

// barePicture is an envelope whose content the document shows without one.
type barePicture struct {
	envelope
	picture
}

func avatar(x *rest.Exchange, in *avatarRequest) (*rest.Reply, error) {
	var p struct {
		URL        *string
		PictureID  *string `json:"picture_id"`
		Type       *string
		DirectPath *string `json:"direct_path"`
	}
	if err := x.Call("contact.getProfilePicture", rest.Params{"contact": in.Phone, "preview": in.Preview}, &p); err != nil {
		return nil, err
	}
	if p.URL == nil {
		return nil, rest.State("No avatar found")
	}
	bare := picture{*p.URL, rest.Deref(p.PictureID), rest.Deref(p.Type), rest.Deref(p.DirectPath)}
	served := servedPicture{bare, bare.URL, bare.ID, bare.Type, bare.DirectPath}
	return &rest.Reply{Body: barePicture{success(x, served).(envelope), bare}}, nil
}

type contact struct {
	BusinessName string
	FirstName    string
	Found        bool
	FullName     string
	PushName     string
}

func contacts(x *rest.Exchange, _ *rest.None) (map[string]contact, error) {
	var result struct {
		Contacts []struct {
			Contact      string
			BusinessName *string `json:"business_name"`
			FirstName    *string `json:"first_name"`
			FullName     *string `json:"full_name"`
			PushName     *string `json:"push_name"`
		}
	}
	if err := x.Call("contact.list", nil, &result); err != nil {
		return nil, err
	}
	answer := make(map[string]contact, len(result.Contacts))
	for _, c := range result.Contacts {
		answer[c.Contact] = contact{rest.Deref(c.BusinessName), rest.Deref(c.FirstName), true, rest.Deref(c.FullName), rest.Deref(c.PushName)}
	}
	return answer, nil
}
