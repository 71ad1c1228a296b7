package gate

// Bounds of what somebody unknown may have Keycloak and the gate do, per
// address: as much as a household or a practice behind one address needs.
const (
	anonymousRate  = 20  // a second, in the long run
	anonymousBurst = 400 // at once
	maxAddresses   = 50_000
	// knownTimes is how much more comes from an address of clients that show a
	// secret, or of browsers that are signed in: a backend's people all come
	// from its one address, and so do a mobile network's.
	knownTimes = 10
)

// Bounds of how often one person's login leaves, each time with a code that is
// recorded: more than the tabs of any browser renew.
const (
	personRate  = 5   // a second, in the long run
	personBurst = 600 // at once
	maxPeople   = 100_000
)
