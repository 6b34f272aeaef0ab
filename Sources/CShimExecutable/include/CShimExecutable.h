#pragma once
/// Non-zero in the executables `container-shim` and `durable-shim`: their constructor then serves hosts that are other programs, whose
/// build id it cannot know.
extern const int containerkit_serves_other_programs;
