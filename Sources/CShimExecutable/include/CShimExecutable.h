#pragma once
/// Non-zero in the executable `container-shim`: its constructor then serves hosts that are other programs, whose build
/// id it cannot know.
extern const int containerkit_serves_other_programs;
