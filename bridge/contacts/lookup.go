package contacts

import (
	"cmp"
	"context"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"

	"github.com/waystation/waystation/bridge/wa"
)

// maxPeoplePerQuery bounds the people of one query; WhatsApp's own clients use chunks of this order.
const maxPeoplePerQuery = 256

func itoa(n int) string { return strconv.Itoa(n) }

// livePeople parses the parameter contacts and returns the client of the open connection.
func (s *Service) livePeople(contacts []string) (*whatsmeow.Client, []types.JID, error) {
	if len(contacts) == 0 || len(contacts) > maxPeoplePerQuery {
		return nil, nil, wa.BadParam("contacts", "must have 1 to %d people", maxPeoplePerQuery)
	}
	jids, err := wa.ParsePeople("contacts", contacts)
	if err != nil {
		return nil, nil, err
	}
	client, err := s.conn.Live()
	return client, jids, err
}

// UserInfo is WhatsApp's information about a person.
type UserInfo struct {
	Contact             string           `json:"contact" doc:"phone JID, or the LID when the number is unknown"`
	LID                 *string          `json:"lid" doc:"LID"`
	ContactKey          *string          `json:"contact_key" doc:"stable key of the person"`
	About               *string          `json:"about" doc:"about text; null when empty or hidden"`
	PictureID           *string          `json:"picture_id" doc:"id of the picture; null when there is none or it is hidden"`
	VerifiedName        *string          `json:"verified_name" doc:"verified business name"`
	BusinessName        *string          `json:"business_name" doc:"business name"`
	IsBusiness          bool             `json:"is_business" doc:"business account"`
	Devices             []string         `json:"devices" doc:"JIDs of the person's devices"`
	VerifiedNameDetails *VerifiedDetails `json:"verified_name_details" doc:"certificate of the verified name"`
	phoneNumber         *string
}

// VerifiedDetails is the certificate behind a verified name.
type VerifiedDetails struct {
	VerifiedName  string     `json:"verified_name" doc:"the name it is about"`
	Issuer        *string    `json:"issuer" doc:"who certified it"`
	Serial        uint64     `json:"serial" doc:"serial number"`
	Level         *string    `json:"verified_level" doc:"unknown, low or high"`
	Version       int        `json:"version" doc:"version of the certificate"`
	HostStorage   int        `json:"host_storage" doc:"1 = on premise, 2 = at Facebook"`
	ActualActors  int        `json:"actual_actors" doc:"1 = the business itself, 2 = a provider"`
	PrivacyModeAt *time.Time `json:"privacy_mode_at" doc:"when hosting last changed"`
	Details       []byte     `json:"details" doc:"what the certificate says, in WhatsApp's encoding"`
	Signature     []byte     `json:"signature" doc:"of the details"`
}

// GetUserInfo asks WhatsApp about people. Unknown people are left out.
func (s *Service) GetUserInfo(ctx context.Context, contacts []string) ([]UserInfo, error) {
	client, jids, err := s.livePeople(contacts)
	if err != nil {
		return nil, err
	}
	infos, err := QueryUserInfo(ctx, client, jids)
	if err != nil {
		return nil, err
	}
	s.seePeople(ctx, client.Store, jids)
	return infos, nil
}

// QueryUserInfo asks WhatsApp about people. Unknown people are left out.
func QueryUserInfo(ctx context.Context, client *whatsmeow.Client, jids []types.JID) ([]UserInfo, error) {
	// The answer for a number has the LID; the answer for a LID has no number.
	asked := make([]types.JID, len(jids))
	for i, jid := range jids {
		p, err := wa.PersonOf(ctx, client.Store, jid)
		if err != nil {
			return nil, err
		}
		asked[i] = p.Address()
	}
	answers, err := client.GetUserInfo(ctx, asked)
	if err != nil {
		return nil, wa.Wrap("ask for the people", err)
	}
	infos := []UserInfo{}
	for _, jid := range asked {
		answer, known := answers[jid]
		if !known {
			continue
		}
		p, err := wa.PersonOf(ctx, client.Store, jid)
		if err != nil {
			return nil, err
		}
		if p.LID.IsEmpty() {
			p.LID = answer.LID.ToNonAD()
		}
		info := newUserInfo(p, answer)
		// whatsmeow reads the verified name of this answer but only puts it into the contact store.
		contact, err := ReadStored(ctx, client.Store, jid)
		if err != nil {
			return nil, err
		}
		info.setBusiness(contact.BusinessName)
		infos = append(infos, info)
	}
	return infos, addVerifiedDetails(ctx, client, infos)
}

func newUserInfo(p wa.Person, answer types.UserInfo) UserInfo {
	info := UserInfo{
		Contact: p.Address().String(), LID: wa.JIDOrNull(p.LID), About: wa.OrNull(answer.Status), PictureID: wa.OrNull(answer.PictureID),
		Devices: []string{}, phoneNumber: p.PhoneNumber(),
	}
	for _, device := range answer.Devices {
		info.Devices = append(info.Devices, device.String())
	}
	return info
}

func (u *UserInfo) setBusiness(name *string) {
	u.VerifiedName, u.BusinessName, u.IsBusiness = name, name, name != nil
}

// addVerifiedDetails adds the certificates of businesses. It uses the check of numbers, the only query whose certificates whatsmeow returns.
func addVerifiedDetails(ctx context.Context, client *whatsmeow.Client, infos []UserInfo) error {
	var numbers []string
	places := make(map[string]int)
	for i, info := range infos {
		if info.IsBusiness && info.phoneNumber != nil {
			numbers = append(numbers, "+"+*info.phoneNumber)
			places[*info.phoneNumber] = i
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	answers, err := client.IsOnWhatsApp(ctx, numbers)
	if err != nil {
		return wa.Wrap("ask for the verified names", err)
	}
	for _, answer := range answers {
		place, known := places[strings.TrimPrefix(answer.Query, "+")]
		if !known || answer.VerifiedName == nil {
			continue
		}
		verified := answer.VerifiedName
		name := verified.Details.GetVerifiedName()
		infos[place].setBusiness(wa.OrNull(name))
		infos[place].VerifiedNameDetails = &VerifiedDetails{
			VerifiedName: name, Issuer: wa.OrNull(verified.Details.GetIssuer()), Serial: verified.Details.GetSerial(),
			Level: wa.OrNull(verified.VerifiedLevel), Version: verified.Version, HostStorage: verified.HostStorage,
			ActualActors: verified.ActualActors, PrivacyModeAt: wa.TimeOrNull(verified.PrivacyModeTS),
			Details: verified.Certificate.GetDetails(), Signature: verified.Certificate.GetSignature(),
		}
	}
	return nil
}

// Registration is the result of checking whether a number is on WhatsApp.
type Registration struct {
	Number       string  `json:"number" doc:"as given"`
	Registered   bool    `json:"registered" doc:"on WhatsApp"`
	Contact      *string `json:"contact" doc:"phone JID; null when not registered"`
	LID          *string `json:"lid" doc:"LID"`
	ContactKey   *string `json:"contact_key" doc:"stable key of the person"`
	VerifiedName *string `json:"verified_name" doc:"verified business name"`
	PhoneNumber  *string `json:"phone_number" doc:"the number in digits; null when it is none"`
	Error        *string `json:"error" doc:"why the number could not be checked"`
}

// CheckRegistered asks which international numbers are on WhatsApp. Entries that are no number are not sent and have an error in the result.
func (s *Service) CheckRegistered(ctx context.Context, numbers []string) ([]Registration, error) {
	if len(numbers) == 0 || len(numbers) > maxNumbersPerCheck {
		return nil, wa.BadParam("numbers", "must have 1 to %d numbers", maxNumbersPerCheck)
	}
	results := make([]Registration, len(numbers))
	places := make(map[string][]int, len(numbers))
	var asked []string
	for i, number := range numbers {
		results[i].Number = number
		jid, err := wa.ParseJID("numbers/"+itoa(i), number)
		if err != nil || jid.Server != types.DefaultUserServer {
			problem := "is not an international number"
			results[i].Error = &problem
			continue
		}
		results[i].PhoneNumber = &jid.User
		if places[jid.User] == nil {
			asked = append(asked, "+"+jid.User)
		}
		places[jid.User] = append(places[jid.User], i)
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	if len(asked) == 0 {
		return results, nil
	}
	if err := s.allowChecks(len(asked), time.Now()); err != nil {
		return nil, err
	}
	answers, err := client.IsOnWhatsApp(ctx, asked)
	if err != nil {
		return nil, wa.Wrap("check the numbers", err)
	}
	for _, answer := range answers {
		number := strings.TrimPrefix(answer.Query, "+")
		for _, place := range places[number] {
			fillRegistration(&results[place], number, answer)
		}
	}
	return results, nil
}

// fillRegistration takes the number from the answer where it has one: WhatsApp
// corrects numbers written with or without a trunk digit.
func fillRegistration(result *Registration, number string, answer types.IsOnWhatsAppResponse) {
	result.Registered = answer.IsIn
	if answer.VerifiedName != nil {
		result.VerifiedName = wa.OrNull(answer.VerifiedName.Details.GetVerifiedName())
	}
	if !answer.IsIn {
		return
	}
	result.Contact = wa.JIDOrNull(types.NewJID(number, types.DefaultUserServer))
	for _, jid := range []types.JID{answer.JID, answer.PhoneNumber} {
		switch jid.Server {
		case types.DefaultUserServer:
			result.Contact = wa.JIDOrNull(jid)
		case types.HiddenUserServer:
			result.LID = wa.JIDOrNull(jid)
		}
	}
}

// ProfilePicture is the address of a picture, which is valid for a short time. All fields are null if there is no picture, if it is hidden, or if it
// still is the known one.
type ProfilePicture struct {
	URL        *string `json:"url" doc:"short-lived; null when there is no picture or it is hidden"`
	PictureID  *string `json:"picture_id" doc:"id"`
	Type       *string `json:"type" doc:"image or preview"`
	DirectPath *string `json:"direct_path" doc:"path"`
	Hash       *string `json:"hash" doc:"base64; may be empty"`
}

// PictureQuery selects a picture.
type PictureQuery struct {
	Contact     string // person, group, community or newsletter
	Preview     bool   // the thumbnail
	KnownID     string // answer nulls when this is still the picture
	IsCommunity bool   // the JID is a community
	CommonGroup string // ask through a shared group
	InviteCode  string // preview of a group not joined yet
	PersonaID   string // Meta AI bot persona
}

// GetPicture returns the address of a picture.
func (s *Service) GetPicture(ctx context.Context, query PictureQuery) (*ProfilePicture, error) {
	jid, err := wa.ParseJID("contact", query.Contact)
	if err != nil {
		return nil, err
	}
	params := &whatsmeow.GetProfilePictureParams{
		Preview: query.Preview, ExistingID: query.KnownID, IsCommunity: query.IsCommunity,
		InviteCode: query.InviteCode, PersonaID: query.PersonaID,
	}
	if query.CommonGroup != "" {
		if params.CommonGID, err = wa.ParseGroup("common_group", query.CommonGroup); err != nil {
			return nil, err
		}
	}
	client, err := s.conn.Live()
	if err != nil {
		return nil, err
	}
	if jid.Server == types.NewsletterServer {
		return newsletterPicture(ctx, client, jid, params)
	}
	return QueryPicture(ctx, client, jid, params)
}

// QueryPicture asks WhatsApp for the address of a picture; params may be nil.
func QueryPicture(ctx context.Context, client *whatsmeow.Client, jid types.JID, params *whatsmeow.GetProfilePictureParams) (*ProfilePicture, error) {
	info, err := client.GetProfilePictureInfo(ctx, jid, params)
	if wa.IsPictureHidden(err) {
		return &ProfilePicture{}, nil
	}
	if err != nil {
		return nil, wa.Wrap("read the picture", err)
	}
	return newPicture(info), nil
}

// pictureHost serves pictures whose description has a path but no URL.
const pictureHost = "https://mmg.whatsapp.net"

func newPicture(info *types.ProfilePictureInfo) *ProfilePicture {
	if info == nil || info.URL == "" && info.DirectPath == "" {
		return &ProfilePicture{}
	}
	hash := base64.StdEncoding.EncodeToString(info.Hash)
	url := info.URL
	if url == "" { // metadata of newsletters may have the path alone
		url = pictureHost + info.DirectPath
	}
	return &ProfilePicture{
		URL: wa.OrNull(url), PictureID: wa.OrNull(info.ID), Type: wa.OrNull(cmp.Or(info.Type, "image")),
		DirectPath: wa.OrNull(info.DirectPath), Hash: &hash,
	}
}

// newsletterPicture returns the picture in a newsletter's metadata; newsletters have no profile picture.
func newsletterPicture(ctx context.Context, client *whatsmeow.Client, jid types.JID, params *whatsmeow.GetProfilePictureParams) (*ProfilePicture, error) {
	info, err := client.GetNewsletterInfo(ctx, jid)
	if err != nil {
		return nil, wa.Wrap("read the newsletter", err)
	}
	if info == nil {
		return nil, &wa.Error{Reason: wa.ReasonNotFound, Field: "contact", Message: "the newsletter does not exist"}
	}
	picture := info.ThreadMeta.Picture
	if params.Preview || picture == nil {
		picture = &info.ThreadMeta.Preview
	}
	if params.ExistingID != "" && picture.ID == params.ExistingID {
		return &ProfilePicture{}, nil
	}
	return newPicture(picture), nil
}
