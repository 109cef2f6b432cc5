#!/usr/bin/env node
import { launch } from './launch.js';

await launch({ name: 'rushes', shim: import.meta.url, build: '../dist/run.js' });
