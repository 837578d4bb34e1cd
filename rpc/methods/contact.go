package methods

import (
	"context"
	"time"

	"github.com/waystation/waystation/bridge"
	"github.com/waystation/waystation/bridge/contacts"
	"github.com/waystation/waystation/rpc"
	"github.com/waystation/waystation/rpc/methods/shared"
)

type contactListParams struct {
	SavedOnly bool `json:"saved_only" doc:"only those in the address book; default false"`
}

type contactListResult struct {
	Contacts []contacts.Contact `json:"contacts" doc:"contact objects"`
}

type contactGetParams struct {
	Contact string   `json:"contact" rpc:"required,format=jid" doc:"phone number, JID or LID; a chat or group JID works too"`
	Include []string `json:"include" rpc:"max=5,enum=registration|user_info|picture|business_profile|devices" doc:"parts to request from WhatsApp; default none"`
}

type contactSaveParams struct {
	contactParam
	FullName    string `json:"full_name" rpc:"required,min=1,max=100" doc:"name"`
	FirstName   string `json:"first_name" rpc:"max=100" doc:"default: first word of full_name"`
	SaveOnPhone bool   `json:"save_on_phone" doc:"also into the phone's own address book; default false"`
}

type contactResult struct {
	Contact contacts.Contact `json:"contact" doc:"contact object"`
}

type contactsParam struct {
	Contacts []string `json:"contacts" rpc:"required,min=1,max=256,format=jid" doc:"people"`
}

type contactSetBlockedParams struct {
	contactsParam
	Blocked bool `json:"blocked" rpc:"required" doc:"new state"`
}

type contactSetBlockedResult struct {
	Blocked  bool     `json:"blocked" doc:"new state"`
	Contacts []string `json:"contacts" doc:"people changed"`
}

type contactUsersResult struct {
	Users []contacts.UserInfo `json:"users" doc:"users that WhatsApp knows"`
}

type contactCheckParams struct {
	Numbers []string `json:"numbers" rpc:"required,min=1,max=100,each.max=64" doc:"international numbers"`
}

type contactCheckResult struct {
	Results []contacts.Registration `json:"results" doc:"per number"`
}

type contactPictureParams struct {
	Contact        string `json:"contact" rpc:"required,format=jid" doc:"person, group, community or newsletter"`
	Preview        bool   `json:"preview" doc:"thumbnail instead of the full picture; default false"`
	KnownPictureID string `json:"known_picture_id" rpc:"max=128" doc:"return null when this is still the picture"`
	IsCommunity    bool   `json:"is_community" doc:"the JID is a community"`
	CommonGroup    string `json:"common_group" rpc:"format=jid" doc:"query through a shared group"`
	InviteCode     string `json:"invite_code" rpc:"max=128" doc:"preview a group not joined yet"`
	PersonaID      string `json:"persona_id" rpc:"max=128" doc:"Meta AI bot persona"`
}

type contactMappingsParams struct {
	Limit  int `json:"limit" rpc:"min=1,max=1000" doc:"rows; default 100"`
	Offset int `json:"offset" rpc:"min=0" doc:"rows to skip"`
}

type contactMappingsResult struct {
	Mappings []contacts.StoredMapping `json:"mappings" doc:"oldest first"`
	Total    int                      `json:"total" doc:"all"`
}

// defaultMappings is the default page size of contact.listLidMappings.
const defaultMappings = 100

// RegisterContact adds the methods of the namespace contact.
func RegisterContact(reg *rpc.Registry, d Deps) {
	registerContactBook(reg, d)
	registerContactLookup(reg, d)
	registerContactAddresses(reg, d)
}

func registerContactBook(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.list", Summary: "List known contacts.", MaxReply: wideReply},
		func(ctx context.Context, s *bridge.Session, p *contactListParams) (contactListResult, error) {
			contacts, err := s.Contacts().List(ctx, p.SavedOnly)
			return contactListResult{Contacts: contacts}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.get", Summary: "Return one contact, on request with live data."},
		func(ctx context.Context, s *bridge.Session, p *contactGetParams) (contacts.ContactDetails, error) {
			return shared.Value(s.Contacts().Get(ctx, p.Contact, p.Include))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.save", Summary: "Add a contact to the address book or rename it."},
		func(ctx context.Context, s *bridge.Session, p *contactSaveParams) (contactResult, error) {
			contact, err := shared.Value(s.Contacts().Save(ctx, contacts.ContactSave{
				Contact: p.Contact, FullName: p.FullName, FirstName: p.FirstName, SaveOnPhone: p.SaveOnPhone,
			}))
			return contactResult{Contact: contact}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.remove", Summary: "Remove a contact from the address book."},
		func(ctx context.Context, s *bridge.Session, p *contactParam) (removedResult, error) {
			removed, err := s.Contacts().Remove(ctx, p.Contact)
			return removedResult{Removed: removed}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.setBlocked", Summary: "Block or unblock people.", Timeout: time.Minute},
		func(ctx context.Context, s *bridge.Session, p *contactSetBlockedParams) (contactSetBlockedResult, error) {
			changed, err := s.Contacts().SetBlocked(ctx, p.Contacts, p.Blocked)
			return contactSetBlockedResult{Blocked: p.Blocked, Contacts: changed}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.listBlocked", Summary: "List blocked people.", MaxReply: wideReply},
		func(ctx context.Context, s *bridge.Session, _ *shared.None) (contactListResult, error) {
			contacts, err := s.Contacts().ListBlocked(ctx)
			return contactListResult{Contacts: contacts}, err
		})
}

func registerContactLookup(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{
		Name: "contact.getUserInfo", Summary: "Query WhatsApp for about text, picture id, verified name, LID and devices of users.",
	}, func(ctx context.Context, s *bridge.Session, p *contactsParam) (contactUsersResult, error) {
		users, err := s.Contacts().GetUserInfo(ctx, p.Contacts)
		return contactUsersResult{Users: users}, err
	})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.checkRegistered", Summary: "Check which phone numbers are on WhatsApp."},
		func(ctx context.Context, s *bridge.Session, p *contactCheckParams) (contactCheckResult, error) {
			results, err := s.Contacts().CheckRegistered(ctx, p.Numbers)
			return contactCheckResult{Results: results}, err
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.getProfilePicture", Summary: "Return the address of a profile or group picture."},
		func(ctx context.Context, s *bridge.Session, p *contactPictureParams) (contacts.ProfilePicture, error) {
			return shared.Value(s.Contacts().GetPicture(ctx, contacts.PictureQuery{
				Contact: p.Contact, Preview: p.Preview, KnownID: p.KnownPictureID, IsCommunity: p.IsCommunity,
				CommonGroup: p.CommonGroup, InviteCode: p.InviteCode, PersonaID: p.PersonaID,
			}))
		})
}

func registerContactAddresses(reg *rpc.Registry, d Deps) {
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.formatNumber", Summary: "Format a contact's phone number and return its country code."},
		func(ctx context.Context, s *bridge.Session, p *contactParam) (contacts.FormattedNumber, error) {
			return shared.Value(s.Contacts().FormatNumber(ctx, p.Contact))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.resolveLid", Summary: "Translate between phone number and LID, in either direction."},
		func(ctx context.Context, s *bridge.Session, p *contactParam) (contacts.LIDMapping, error) {
			return shared.Value(s.Contacts().ResolveLID(ctx, p.Contact))
		})
	shared.OnSession(reg, d.Bridge, rpc.Method{Name: "contact.listLidMappings", Summary: "Page through the known pairs of phone number and LID."},
		func(ctx context.Context, s *bridge.Session, p *contactMappingsParams) (contactMappingsResult, error) {
			limit := p.Limit
			if limit == 0 {
				limit = defaultMappings
			}
			mappings, total, err := s.Contacts().ListLIDMappings(ctx, limit, p.Offset)
			return contactMappingsResult{Mappings: mappings, Total: total}, err
		})
}
