// Package communities implements the operations on communities: creating one, linking groups, announcements.
//
// Start reading at Service. It uses the operations on groups and those that send messages.
package communities
