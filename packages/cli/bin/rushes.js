#!/usr/bin/env node
import nodeModule from 'node:module';
import { launch } from './launch.js';

// Keeps the compiled build in the system's folder for temporary files; an older Node does not have it.
nodeModule.enableCompileCache?.();

await launch({ name: 'rushes', shim: import.meta.url, build: '../dist/run.cjs' });
