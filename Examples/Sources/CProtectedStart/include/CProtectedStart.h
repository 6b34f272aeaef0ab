#pragma once
// The entry point of ckrun is in ProtectedStart.c; nothing is called from Swift.
