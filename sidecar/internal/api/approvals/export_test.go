package approvals

import "github.com/schleuse/schleuse/sidecar/internal/api"

// Problems are all that the API answers.
var Problems = problems

// Routes are the API's operations.
func Routes(f *Face) []api.Route { return f.api().Routes }
