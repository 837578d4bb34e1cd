package sandbox

// Bounds that Limits can change.
const (
	// defaultBlob holds every kind of media but WhatsApp's largest documents: files live in memory.
	defaultBlob = 100 << 20
	// defaultMedia bounds the total size of all files; beyond it the oldest are removed.
	defaultMedia = 1 << 30
	// defaultPicture is several times the size of a 640x640 JPEG.
	defaultPicture = 1 << 20
	// defaultGroups is far above the number of groups of a test or demo.
	defaultGroups = 10_000
	// defaultGroupMembers is WhatsApp's own bound.
	defaultGroupMembers = 1024
	// defaultBlocked bounds one account's block list.
	defaultBlocked = 10_000
	// defaultPatches bounds the patches one collection keeps; clients that ask for older ones would need a snapshot.
	defaultPatches = 100_000
	// defaultNewsletters bounds the channels of the network.
	defaultNewsletters = 1000
	// defaultNewsletterPosts bounds the posts of one channel; beyond it the oldest are removed.
	defaultNewsletterPosts = 10_000
	// defaultStickerPacks bounds the published sticker packs.
	defaultStickerPacks = 1000
)

// Limits bounds what a network stores. Zero fields take their defaults.
type Limits struct {
	// Blob is the largest media file in bytes. 0 means 100 MiB.
	Blob int64
	// Media is the total size of stored media in bytes; beyond it the oldest files are removed. 0 means 1 GiB.
	Media int64
	// Picture is the largest profile or group picture in bytes. 0 means 1 MiB.
	Picture int
	// Groups is the number of groups. 0 means 10000.
	Groups int
	// GroupMembers is the number of members of one group. 0 means 1024.
	GroupMembers int
	// Blocked is the length of one account's block list. 0 means 10000.
	Blocked int
	// Patches is the number of app-state patches per collection of an account; a further one is refused. 0 means 100000.
	Patches int
	// Newsletters is the number of channels. 0 means 1000.
	Newsletters int
	// NewsletterPosts is the number of posts a channel keeps. 0 means 10000.
	NewsletterPosts int
	// StickerPacks is the number of published sticker packs. 0 means 1000.
	StickerPacks int
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Blob, defaultBlob)
	setDefault(&l.Media, defaultMedia)
	setDefault(&l.Picture, defaultPicture)
	setDefault(&l.Groups, defaultGroups)
	setDefault(&l.GroupMembers, defaultGroupMembers)
	setDefault(&l.Blocked, defaultBlocked)
	setDefault(&l.Patches, defaultPatches)
	setDefault(&l.Newsletters, defaultNewsletters)
	setDefault(&l.NewsletterPosts, defaultNewsletterPosts)
	setDefault(&l.StickerPacks, defaultStickerPacks)
	return l
}

func setDefault[T int | int64](value *T, def T) {
	if *value <= 0 {
		*value = def
	}
}
