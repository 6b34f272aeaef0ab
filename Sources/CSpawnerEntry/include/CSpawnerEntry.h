#pragma once
#include <stddef.h>
#include <stdint.h>

/// Referenced by the host side, so that every program that can ask for a spawner links the constructor too.
extern const int ckSpawnerEntryAnchor;

/// The variable that asks the constructor to divert; its value is the number of the control socket.
const char *ckSpawnerMarkerName(void);

enum { ckSpawnerProtocol = 2, ckSpawnerControl = 3 };

/// The first message on the control socket, from the host. Fixed layout: a C constructor reads it.
struct ckSpawnerGreeting {
    uint32_t magic;     // ckSpawnerMagic
    uint32_t protocol;  // ckSpawnerProtocol
    uint64_t buildID;   // ckSpawnerBuildID() of the host
};
static const uint32_t ckSpawnerMagic = 0x31504b43;  // "CKP1"

/// Identifies the code of the image that holds this constructor: the linker's build id where there is one, and a
/// digest of its program headers and the beginning of its code. Equal in two processes of one executable.
uint64_t ckSpawnerBuildID(void);

/// Runs the role with this number in the calling process and returns its exit status; -1 when the program does not
/// link the module that implements it. The role may free(3) the request.
int ckRunRole(uint32_t role, const uint8_t *request, ptrdiff_t size, const int *descriptors, int count);
/// Does ahead of a request what the role can do without one: in the spawner, what its forks then have, and with
/// `isSpare` in the fork that will be the next of this role.
void ckPrepareRole(uint32_t role, int isSpare);
/// Whether the program links the role.
int ckHasRole(uint32_t role);
/// The version of the frames that its shims speak; 0 when the program links no shim.
uint32_t ckShimFrames(void);
