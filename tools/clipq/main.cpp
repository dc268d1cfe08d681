#include "program.h"

int main(int argc, char** argv) { return clipq::cli::run_program(argc, argv); }
