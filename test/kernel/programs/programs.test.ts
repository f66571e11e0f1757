import { describePrograms } from './programs.ts';

describePrograms('veth');
